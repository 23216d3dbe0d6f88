"""What is deleted leaves no trace, does not come back from the log, and may start again."""

from __future__ import annotations

import asyncio
import secrets
import subprocess
import time
import urllib.request
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from buffer.port import ConsumedRecord, Record
from runtime.config import SessionsConfig, TimesConfig
from runtime.errors import NotFound
from schemas.envelope import Envelope
from schemas.erasing import Erased, Erasing
from store.client import Store
from tests import model, otlp, processes, views
from tests.exactness import ErasingAt
from tests.model import SentSpan
from tests.query import app_client
from workers.batch import Batch
from workers.inserter import Inserter
from workers.resolver import Resolver

NOON_NS = 1_795_391_999 * 10**9
# What may still name it: what was deleted, and what batches touched.
KEEPING = (
    *("deletions", "batch_traces", "batch_places", "batch_sessions"),
    *("large_traces", "traces_due", "sessions_due"),
)
TOMBSTONES = ("session_traces_data", "sessions_data")


def span(
    trace: int, number: int, session: str = "", *, received: int = 0, parent: int = 0
) -> SentSpan:
    """Return a span that was received so many seconds after noon."""
    return SentSpan(
        trace_id=f"{trace:032x}",
        span_id=f"{number:016x}",
        parent_span_id=f"{parent:016x}" if parent else "",
        start_ns=NOON_NS + number,
        end_ns=NOON_NS + number + 5,
        attributes={
            "input.value": f"said {trace}.{number}",
            **({"session.id": session} if session else {}),
        },
        received_ns=NOON_NS + received * 10**9,
    )


async def work(store: Store, project: str, spans: Sequence[SentSpan]) -> None:
    """Do what a worker does with records of one span each, all in one batch."""
    records = []
    for offset, one in enumerate(spans):
        envelope = Envelope(project=project, received_ns=one.received_ns, spans=1)
        record = Record(value=otlp.request([one]), headers=envelope.to_headers())
        records.append(ConsumedRecord(partition=0, offset=offset, appended_at_ns=0, record=record))
    batch = Batch.of(records)
    await Inserter(store, sessions=SessionsConfig(), times=TimesConfig()).insert(batch)
    received_ns = min(one.received_ns for one in spans)
    await Erasing(store).erase_deleted(batch.id, received_ns=received_ns)
    await Resolver(store).resolve(batch.id)


def assert_exact(store: processes.Store, project: str, spans: Sequence[SentSpan]) -> None:
    """The views say what is left, and nothing else."""
    assert views.traces(store.query, project) == model.traces(spans)
    assert views.sessions(store.query, project) == model.sessions(spans)
    for session_id in (*model.sessions(spans), "a", "b"):
        assert views.replay(store.query, project, session_id) == model.replay(spans, session_id)
    stored = store.query(
        "SELECT TraceId, SpanId FROM spans WHERE Project = {project:String} ORDER BY 1, 2",
        {"project": project},
    )
    assert stored == sorted((s.trace_id, s.span_id) for s in model.newest(spans))


def assert_gone(store: processes.Store, project: str, name: str) -> None:
    """No row of any table holds this id or text, and tombstones hold nothing else of it."""
    tables = store.query(
        "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%Tree'"
    )
    for (table,) in tables:
        columns = {column for column, *_ in store.query(f"DESCRIBE TABLE {table}")}
        if "Project" not in columns or table in KEEPING:
            continue
        where = "IsDeleted = 0 AND" if table in TOMBSTONES else ""
        found = store.query(
            f"SELECT count() FROM {table} WHERE {where} Project = {{project:String}}"
            " AND position(toString(tuple(*)), {name:String}) > 0",
            {"project": project, "name": name},
        )
        assert found == [(0,)], table


@pytest.fixture
def project() -> str:
    """A project of the test's own."""
    return f"deletion-{secrets.token_hex(4)}"


async def test_a_deleted_session_is_gone(store: processes.Store, project: str) -> None:
    """With all its traces, of one span and of many, and nobody else's."""
    gone = [span(1, 1, "a"), span(1, 2, parent=1), span(2, 1, "a")]
    left = [span(3, 1, "b"), span(3, 2, "a", parent=1), span(4, 1)]
    async with Store(store.config) as client:
        await work(client, project, [*gone, *left])
        erased = await ErasingAt(client, NOON_NS + 10**9).delete_session(project, "a", author="ada")
        assert erased == Erased(traces=2, spans=3, logs=0)
        assert_exact(store, project, left)
        for text in (f"{1:032x}", f"{2:032x}", "said 1.1", "said 1.2", "said 2.1"):
            assert_gone(store, project, text)
        # Once more, from the log.
        await work(client, project, gone[1:2])
        await work(client, project, [*left, *gone])
        assert_exact(store, project, left)
        for text in (f"{1:032x}", f"{2:032x}", "said 1.1", "said 1.2", "said 2.1"):
            assert_gone(store, project, text)
        # Received since: they start anew.
        new = [span(1, 2, received=2, parent=1), span(5, 1, "a", received=2)]
        await work(client, project, new)
        assert_exact(store, project, [*left, *new])
        again = [replace(gone[0], received_ns=NOON_NS + 3 * 10**9)]
        await work(client, project, again)
        assert_exact(store, project, [*left, *new, *again])


async def test_a_deleted_trace_is_gone(store: processes.Store, project: str) -> None:
    """Its session has the others, or is gone with its last."""
    spans = [span(1, 1, "a"), span(1, 2, parent=1), span(2, 1, "a"), span(3, 1)]
    async with Store(store.config) as client:
        erasing = ErasingAt(client, NOON_NS + 10**9)
        await work(client, project, spans)
        erased = await erasing.delete_trace(project, f"{1:032x}", author="ada")
        assert erased == Erased(traces=1, spans=2, logs=0)
        assert_exact(store, project, spans[2:])
        await erasing.delete_trace(project, f"{3:032x}", author="ada")
        assert_exact(store, project, spans[2:3])
        await erasing.delete_trace(project, f"{2:032x}", author="ada")
        assert_exact(store, project, [])
        await work(client, project, spans)
        assert_exact(store, project, [])
        assert_gone(store, project, "said")


async def test_what_is_not_there_cannot_be_deleted(store: processes.Store, project: str) -> None:
    """What was deleted already is not there either."""
    async with Store(store.config) as client:
        await work(client, project, [span(1, 1, "a")])
        erasing = ErasingAt(client, NOON_NS + 10**9)
        with pytest.raises(NotFound):
            await erasing.delete_session(project, "b", author="ada")
        with pytest.raises(NotFound):
            await erasing.delete_session(f"{project}-2", "a", author="ada")
        with pytest.raises(NotFound):
            await erasing.delete_trace(project, f"{2:032x}", author="ada")
        await erasing.delete_session(project, "a", author="ada")
        with pytest.raises(NotFound):
            await erasing.delete_session(project, "a", author="ada")
        with pytest.raises(NotFound):
            await erasing.delete_trace(project, f"{1:032x}", author="ada")


async def test_a_trace_that_moved_in_later_stays(store: processes.Store, project: str) -> None:
    """Until the cut-off it was another session's; then it joins the one that starts again."""
    first, child = span(1, 2, "b", parent=1), span(1, 3, parent=1)
    async with Store(store.config) as client:
        await work(client, project, [first, child, span(2, 1, "a")])
        await ErasingAt(client, NOON_NS + 10**9).delete_session(project, "a", author="ada")
        assert_exact(store, project, [first, child])
        root = span(1, 1, "a", received=2)
        await work(client, project, [root])
        assert_exact(store, project, [first, child, root])
        await work(client, project, [first, child])
        assert_exact(store, project, [first, child, root])


async def test_the_api_deletes(store: processes.Store, project: str) -> None:
    """It says what it found; scores, comments, bookmark, links and ends go along."""
    async with Store(store.config) as client, app_client(store.config) as api:
        await work(client, project, [span(1, 1, "a/b"), span(1, 2, parent=1), span(2, 1, "z")])
        for subject in ({"session_id": "a/b"}, {"trace_id": f"{1:032x}"}):
            for kind, said in (("scores", {"name": "n", "value": 1}), ("comments", {"text": "t"})):
                marked = await api.post(
                    f"/api/v1/{kind}", json={**subject, **said}, params={"project": project}
                )
                assert marked.status_code == 201
        session = {"id": "a/b", "project": project}
        assert (await api.put("/api/v1/session/bookmark", params=session)).status_code == 200
        assert (
            await api.post("/api/v1/session/shares", params=session, json={})
        ).status_code == 201
        asked = {"session_id": "a/b", "project": project}
        assert (await api.post("/api/v1/sessions/end", params=asked)).status_code == 200
        answer = await api.delete("/api/v1/sessions", params=asked)
        assert (answer.status_code, answer.json()) == (
            200,
            {"traces": 1, "spans": 2, "logs": 0},
        )
        assert_gone(store, project, "a/b")
        assert_gone(store, project, f"{1:032x}")
        assert_exact(store, project, [span(2, 1, "z")])
        assert (await api.delete("/api/v1/sessions", params=asked)).status_code == 404
        form = await api.post(
            "/trace/delete", data={"id": f"{2:032x}"}, params={"project": project}
        )
        assert form.status_code == 303
        assert_exact(store, project, [])


def test_the_command_deletes(store: processes.Store, project: str) -> None:
    """After it was asked, and says so."""

    async def keep() -> None:
        async with Store(store.config) as client:
            await work(client, project, [span(1, 1, "a"), span(2, 1, "a")])

    asyncio.run(keep())

    def run(*arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [processes.COMMAND, "delete", f"--project={project}",
             f"--set=store.endpoint={store.address}", *arguments],
            input=said, capture_output=True, text=True, check=False,
        )  # fmt: skip

    assert run("--session=a", said="n\n").returncode == 1
    first = run(f"--trace={1:032x}", said="y\n")
    assert first.stdout == f"deleted trace '{1:032x}' (traces: 1, spans: 1, logs: 0)\n", (
        first.stderr
    )
    deleted = run("--session=a", "--yes").stdout
    assert deleted == "deleted session 'a' (traces: 1, spans: 1, logs: 0)\n"
    assert "there is no session 'a'" in run("--session=a", "--yes").stderr
    # Nobody is asked first.
    for what, wanted in (("session", "a"), ("trace", f"{1:032x}")):
        missing = f"sessiontrail: there is no {what} '{wanted}' in project '{project}'\n"
        assert run(f"--{what}={wanted}").stderr == missing
    assert run().returncode == 2
    assert_exact(store, project, [])


def test_deleting_while_spans_come(tmp_path: Path) -> None:
    """Through every process, with a worker that dies: figures stay the sum of the spans."""
    with processes.pipeline(tmp_path) as running:
        sent = 0
        for round_ in range(12):
            now_ns = time.time_ns()
            for number in range(sent + 1, sent + 41):
                one = replace(otlp.sample(number), start_ns=now_ns, end_ns=now_ns + 10)
                running.send(otlp.request([one]))
            sent += 40
            if round_ in {3, 7}:
                deleting = urllib.request.Request(
                    f"{running.pages}/api/v1/sessions?session_id=s", method="DELETE"
                )
                # Some of it is stored, and some may wait in the log.
                processes.wait_until(
                    lambda: bool(running.store.query("SELECT 1 FROM sessions")), what="a session"
                )
                urllib.request.urlopen(deleting, timeout=30).close()
            if round_ == 7:
                running.kill("worker")
        processes.wait_until(running.is_ready, what="the worker is back")
        processes.wait_until(running.is_drained, what="all is stored")
        query = running.store.query
        [[old]] = query(
            "SELECT count() FROM spans WHERE Version <= (SELECT max(CutOff) FROM deletions)"
        )
        [[left]] = query("SELECT count() FROM spans")
        assert old == 0
        assert left == 160  # what was sent after the second deletion
        assert query("SELECT TraceCount, SpanCount FROM sessions") == [(left, left)]
