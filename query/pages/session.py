"""The page of one session: its replay, its marks, and the forms that change them."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from query.access.guard import Viewer
from query.marks.comments import Comments
from query.marks.score import Score
from query.marks.scores import Scores
from query.marks.shares import Shares
from query.pages import context, view
from query.pages.marks import panel
from query.pages.rendering import large_page, link
from query.reads import replay, sessions
from query.reads.models import Page, Turn
from query.services import Shared

TURNS = 20

# Of the turns before a page: how many they are plus one, and when the last of them ended.
Number = Annotated[int, Query(ge=1, le=10**9)]
Ended = Annotated[int, Query(ge=0, lt=2**63)]

router = APIRouter(include_in_schema=False)


@router.get("/session")
async def show_session(
    *,
    request: Request,
    session_id: Annotated[str, Query(alias="id", min_length=1)],
    access: Viewer,
    projects: context.Projects,
    services: Shared,
    cursor: str = "",
    turn: Number = 1,
    ended: Ended = 0,
    at: str = "",
    errors: bool = False,
    q: Annotated[str, Query(max_length=1000)] = "",
) -> Response:
    """Show a session as the conversation that it is, with `at` from that turn on."""
    store, project = services.store, access.project
    before = replay.Before(cursor, turn - 1, ended)
    if at:
        before = await replay.before(store, project, session_id, at)
    found, turns, scores, comments, shares = await asyncio.gather(
        sessions.one(store, project, session_id),
        replay.page(
            store, project, session_id, after=before.cursor, limit=TURNS, errors=errors, q=q
        ),
        Scores(store, services.config.query.score_definitions).of_session(project, session_id),
        Comments(store).of_session(project, session_id),
        Shares(store).of_session(project, session_id),
    )
    here = {"id": session_id, "project": project, "errors": errors or None, "q": q}
    return await large_page(
        request,
        "session.html",
        **context.of(access, projects),
        **conversation(turns, before, is_whole=not (errors or q)),
        **panel(
            access,
            services,
            {"session_id": session_id},
            scores=scores,
            comments=comments,
            shares=shares,
        ),
        session=found,
        here=link("/session", **here, at=at),
        next_page=link("/session", **here, **following(turns, before)) if turns.next else "",
        is_from_start=not before.cursor,
        scores_of=_by_trace(scores),
        errors=errors,
        q=q,
        shared=False,
        hides_content=False,
    )


def following(turns: Page[Turn], before: replay.Before) -> dict[str, Any]:
    """Return what the link to the page after a page of turns says."""
    number = before.turns + len(turns.data) + 1
    ended_ns = max(before.ended_ns, *(turn.end_ns for turn in turns.data))
    return {"cursor": turns.next, "turn": number, "ended": ended_ns}


def conversation(
    turns: Page[Turn], before: replay.Before, *, is_whole: bool = True
) -> dict[str, Any]:
    """Return what _replay.html shows of a page of turns; see view.turns()."""
    shown = list(
        view.turns(
            turns.data,
            first_number=before.turns + 1,
            ended_ns=before.ended_ns,
            is_whole=is_whole,
        )
    )
    return {
        "turns": shown,
        "first_error": next((t.first_error for t in shown if t.first_error), None),
        "width": view.WIDTH,
        "fold": view.FOLD_CHARACTERS,
    }


def _by_trace(scores: list[Score]) -> dict[str, list[Score]]:
    by_trace: dict[str, list[Score]] = defaultdict(list)
    for score in scores:
        if score.trace_id:
            by_trace[score.trace_id].append(score)
    return by_trace
