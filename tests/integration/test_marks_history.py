"""Marks end as a plain model says, whoever changes them, and every change stays on record."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections import defaultdict
from dataclasses import dataclass, replace
from unittest import mock

import hypothesis
import pytest
from hypothesis import strategies as st

from query.access.guard import Access
from query.access.roles import Role
from query.marks import rows
from query.marks.comments import CommentChange, Comments, NewComment
from query.marks.score import NewScore, Score, ScoreChange, ScoreFilters
from query.marks.scores import Scores
from runtime.errors import InvalidRequest, NotAllowed, NotFound
from store.client import Store
from tests import otlp, processes
from tests.query import keep

ROLES = {"ann": Role.EDITOR, "bob": Role.EDITOR, "root": Role.ADMIN}
TEXT = st.text(max_size=20)
VALUE = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.text(min_size=1, max_size=8)
)


@dataclass(frozen=True)
class State:
    """What the model knows of a score."""

    author: str
    edited_by: str
    subject: str
    value: float | bool | str
    comment: str
    is_deleted: bool = False


@dataclass(frozen=True, kw_only=True)
class Step:
    """Something that somebody tries to do to one of few scores in one of two projects."""

    action: str
    project: int
    who: str
    score_id: str
    subject: str
    value: float | bool | str
    comment: str


STEPS = st.lists(
    st.builds(
        Step,
        action=st.sampled_from(["create", "edit", "delete"]),
        project=st.integers(0, 1),
        who=st.sampled_from(list(ROLES)),
        score_id=st.sampled_from(["one", "../tw o", "thré'e\\"]),
        subject=st.sampled_from(["s", "t/\x00\u202e"]),
        value=VALUE,
        comment=TEXT,
    ),
    max_size=12,
)


class Model:
    """Scores in plain Python: for each project and id its states, the newest last."""

    def __init__(self) -> None:
        self.states: dict[tuple[int, str], list[State]] = defaultdict(list)

    def step(self, step: Step) -> str:
        """Do what a step says, and return the name of the error that it must meet, if any."""
        states = self.states[step.project, step.score_id]
        alive = states[-1] if states and not states[-1].is_deleted else None
        if alive and alive.author != step.who and ROLES[step.who] < Role.ADMIN:
            return NotAllowed.__name__
        if step.action == "create":
            if alive and alive.subject != step.subject:
                return InvalidRequest.__name__
            author = alive.author if alive else step.who
            states.append(State(author, step.who, step.subject, step.value, step.comment))
            return ""
        if alive is None:
            return NotFound.__name__
        if step.action == "delete":
            states.append(replace(alive, edited_by=step.who, is_deleted=True))
        else:
            states.append(replace(alive, edited_by=step.who, comment=step.comment))
        return ""


def seen(score: Score) -> State:
    """Return what the model knows of a score that was read."""
    return State(
        score.author,
        score.edited_by,
        score.session_id,
        score.value,
        score.comment,
        score.is_deleted,
    )


async def take(scores: Scores, step: Step, project: str) -> str:
    """Do what a step says, and return the name of the error that it met, if any."""
    access = Access(project=project, who=step.who, role=ROLES[step.who])
    try:
        if step.action == "create":
            new = NewScore(
                id=step.score_id,
                session_id=step.subject,
                name="n",
                value=step.value,
                comment=step.comment,
            )
            made = await scores.create(access, new, source="API")
            assert made in await scores.of_session(project, step.subject)  # at once
        elif step.action == "edit":
            await scores.edit(access, step.score_id, ScoreChange(comment=step.comment))
        else:
            await scores.delete(access, step.score_id)
    except (NotAllowed, NotFound, InvalidRequest) as error:
        return type(error).__name__
    return ""


@hypothesis.given(steps=STEPS, clock_stands=st.booleans())
@hypothesis.settings(max_examples=40)
def test_scores_end_as_the_model_says_and_every_edit_stays(
    store: processes.Store, *, steps: list[Step], clock_stands: bool
) -> None:
    """Any steps of several people in two projects; also while the store's clock stands still."""

    async def run() -> None:
        projects = [f"history-{secrets.token_hex(8)}" for _ in range(2)]
        model = Model()
        async with Store(store.config) as client:
            scores = Scores(client, ())
            for step in steps:
                assert await take(scores, step, projects[step.project]) == model.step(step)
            for number, project in enumerate(projects):
                found = await scores.find(project, ScoreFilters(), limit=100)
                expected = {
                    score_id: states[-1]
                    for (of, score_id), states in model.states.items()
                    if of == number and states and not states[-1].is_deleted
                }
                assert {score.id: seen(score) for score in found.data} == expected
            for (number, score_id), states in model.states.items():
                if not states:
                    continue
                edits = await scores.edits(projects[number], score_id)
                assert [seen(score) for score in edits] == states
                times = [score.updated_at_ns for score in edits]
                assert times == sorted(set(times))

    standing = mock.patch.object(rows, "clock", mock.AsyncMock(return_value=10**18))
    with standing if clock_stands else contextlib.nullcontext():
        asyncio.run(run())


async def test_comments_keep_their_edits_and_their_authors(store: processes.Store) -> None:
    """Others may not change them, an admin may; edits tell who said what."""
    project = f"comments-{secrets.token_hex(4)}"
    ann, bob, root = (Access(project=project, who=who, role=role) for who, role in ROLES.items())
    async with Store(store.config) as client:
        comments = Comments(client)
        made = await comments.create(ann, NewComment(trace_id="t", span_id="1", text=" <b>so</b> "))
        with pytest.raises(NotAllowed, match="ann"):
            await comments.edit(bob, made.id, CommentChange(text="no"))
        await comments.edit(ann, made.id, CommentChange(text="so so"))
        [found] = await comments.of_traces(project, ["other", "t"])
        assert (found.text, found.author, found.created_at_ns) == (
            "so so",
            "ann",
            made.created_at_ns,
        )
        await comments.delete(root, made.id)
        assert await comments.of_traces(project, ["t"]) == []
        with pytest.raises(NotFound):
            await comments.edit(ann, made.id, CommentChange(text="again"))
        edits = await comments.edits(project, made.id)
        assert [(edit.text, edit.edited_by, edit.is_deleted) for edit in edits] == [
            ("<b>so</b>", "ann", False),
            ("so so", "ann", False),
            ("so so", "root", True),
        ]


async def test_a_trace_that_moves_takes_its_marks_along(store: processes.Store) -> None:
    """The marks of a session are those on it and on the traces that are in it now."""
    project = f"moving-{secrets.token_hex(4)}"
    access = Access(project=project, who="ann", role=Role.EDITOR)
    span = otlp.sample(1)
    async with Store(store.config) as client:
        scores, comments = Scores(client, ()), Comments(client)
        await keep(client, project, [replace(span, attributes={"session.id": "before"})])
        for subject in ({"session_id": "before"}, {"trace_id": span.trace_id}):
            await scores.create(access, NewScore(name="n", value=1, **subject), source="EVAL")
            await comments.create(access, NewComment(text="hm", **subject))

        async def marks_of(session_id: str) -> tuple[list[str], list[str]]:
            on = (
                (await scores.of_session(project, session_id)),
                (await comments.of_session(project, session_id)),
            )
            return [m.trace_id for m in on[0]], [m.trace_id for m in on[1]]

        assert await marks_of("before") == (["", span.trace_id], ["", span.trace_id])
        moved = {"session.id": "after"}
        await keep(
            client, project, [replace(span, attributes=moved, received_ns=span.received_ns + 1)]
        )
        assert await marks_of("before") == ([""], [""])
        assert await marks_of("after") == ([span.trace_id], [span.trace_id])
