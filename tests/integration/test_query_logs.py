"""Log records as pages and API give them: in their place by time, complete, and resumable."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from query.reads import stream
from store.client import Store
from tests import processes
from tests.model import SentSpan
from tests.otlp import RECEIVED_NS, key_values
from tests.query import app_client, keep, keep_logs
from tests.samples import log_record, text

SECOND = 10**9
START_NS = RECEIVED_NS - 3600 * SECOND
TURNS = 5


def _span(turn: int) -> SentSpan:
    start_ns = START_NS + turn * 60 * SECOND
    return SentSpan(
        trace_id=f"{turn + 1:032x}",
        span_id=f"{1:016x}",
        start_ns=start_ns,
        end_ns=start_ns + SECOND,
        attributes={"session.id": "s", "input.value": f"question {turn}"},
        received_ns=RECEIVED_NS,
    )


def _log(body: str, at_seconds: float, turn: int | None = None, **fields: Any) -> LogRecord:
    """Return a log record at a second of the session, of a turn or of the session itself."""
    attributes = {} if turn is not None else {"session.id": "s"}
    return log_record(
        time_unix_nano=START_NS + int(at_seconds * SECOND),
        trace_id=b"" if turn is None else bytes.fromhex(_span(turn).trace_id),
        body=text(body),
        attributes=key_values(attributes),
        **fields,
    )


@dataclass(kw_only=True)
class Api:
    """The application over a store with one session."""

    client: httpx.AsyncClient
    store: Store
    project: str

    async def get(self, path: str, **parameters: Any) -> Any:
        """Return what a path answers with."""
        response = await self.client.get(path, params={"project": self.project, **parameters})
        assert response.status_code == 200, response.text
        return response


@pytest.fixture
async def api(store: processes.Store) -> AsyncIterator[Api]:
    """Five turns, a minute apart."""
    project = f"logs-{secrets.token_hex(4)}"
    async with Store(store.config) as client, app_client(store.config) as asking:
        await keep(client, project, [_span(turn) for turn in range(TURNS)])
        yield Api(client=asking, store=client, project=project)


async def _placed(api: Api, limit: int) -> list[str]:
    """Return bodies and turns of all pages, in the order in which they are shown."""
    shown, cursor = [], ""
    while True:
        page = (await api.get("/api/v1/session/replay", id="s", limit=limit, cursor=cursor)).json()
        for turn in page["data"]:
            shown += [record["body"] for record in turn["logs_before"]]
            shown.append(f"turn {int(turn['trace_id'], 16) - 1}")
            shown += [record["body"] for record in turn["logs"]]
            shown += [record["body"] for record in turn["logs_after"]]
        cursor = page["next"]
        if not cursor:
            return shown


@pytest.mark.parametrize("limit", [1, 2, 3, 20])
async def test_each_record_stands_once_in_its_place(api: Api, limit: int) -> None:
    """However the session is cut into pages."""
    strange = log_record(  # of a trace that has no spans
        time_unix_nano=START_NS + 130 * SECOND,
        trace_id=b"\7" * 16,
        body=text("no spans"),
        attributes=key_values({"session.id": "s"}),
    )
    elsewhere = _log("elsewhere", 61)
    elsewhere.attributes[0].value.string_value = "another session"
    await keep_logs(
        api.store,
        api.project,
        _log("in 1, early", 60.1, turn=1),
        _log("first of all", -5),
        _log("with turn 2", 120),
        strange,
        elsewhere,
        _log("in 1, late", 200, turn=1),
        _log("last of all", 9999),
        _log("in 4", 240.5, turn=4),
    )

    assert await _placed(api, limit) == [
        *("first of all", "turn 0", "turn 1", "in 1, early", "in 1, late", "turn 2"),
        *("with turn 2", "no spans", "turn 3", "turn 4", "in 4", "last of all"),
    ]


async def test_a_moved_trace_takes_its_records_along(api: Api) -> None:
    """Those that name no session of their own."""
    await keep_logs(api.store, api.project, _log("in 1", 60.5, turn=1))
    moved = replace(_span(1), attributes={"session.id": "t"}, received_ns=RECEIVED_NS + 1)
    await keep(api.store, api.project, [moved])

    assert "in 1" not in await _placed(api, 20)
    page = (await api.get("/api/v1/session/replay", id="t")).json()
    assert [record["body"] for record in page["data"][0]["logs"]] == ["in 1"]
    rows = await api.store.query(
        "SELECT Body FROM session_logs(project = {p:String}, session_id = 't')", {"p": api.project}
    )
    assert [body for (body,) in rows] == ["in 1"]


async def test_a_turn_shows_so_many_and_says_how_many_there_are(api: Api) -> None:
    """Its trace has them all, page by page."""
    await keep_logs(
        api.store, api.project, *(_log(f"{n:03}", 60 + n / 1000, turn=1) for n in range(230))
    )
    turns = (await api.get("/api/v1/session/replay", id="s")).json()["data"]
    assert (len(turns[1]["logs"]), turns[1]["log_count"]) == (100, 230)
    page = (await api.get("/session", id="s")).text
    assert "230 log records" in page
    assert "The first 100 of 230." in page

    found, cursor = [], ""
    while True:
        answer = (
            await api.get("/api/v1/trace/logs", id=_span(1).trace_id, limit=50, cursor=cursor)
        ).json()
        found += [record["body"] for record in answer["data"]]
        cursor = answer["next"]
        if not cursor:
            break
    assert found == [f"{n:03}" for n in range(230)]


async def test_the_stream_goes_on_after_any_line(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Traces, each with spans and log records, then the session's own; read in small steps."""
    monkeypatch.setattr(stream, "_LOGS", 2)
    await keep_logs(
        api.store,
        api.project,
        *(_log(f"in 1: {n}", 60 + n, turn=1) for n in range(5)),
        *(_log(f"own {n}", n) for n in range(5)),
    )

    async def lines(cursor: str = "") -> list[Any]:
        answer = await api.get("/api/v1/session/replay/stream", id="s", cursor=cursor)
        return [json.loads(line) for line in answer.text.splitlines()]

    every = await lines()
    bodies = [line["log"]["body"] for line in every if line["kind"] == "log"]
    assert bodies == [*(f"in 1: {n}" for n in range(5)), *(f"own {n}" for n in range(5))]
    for number, line in enumerate(every):
        assert await lines(line["cursor"]) == every[number + 1 :]


async def test_the_pages_show_what_was_said(api: Api) -> None:
    """GenAI events as messages, others as text; whatever is in them is text alone."""
    choice = {"index": 0, "message": {"role": "assistant", "content": "It arrives on Thursday."}}
    details = {"gen_ai.output.messages": [{"role": "assistant", "parts": [
        {"type": "text", "content": "Anything else?"}]}]}  # fmt: skip
    await keep_logs(
        api.store,
        api.project,
        _log("<script>boom</script>", 60.1, turn=1, severity_number=17),
        _log(json.dumps(choice), 60.2, turn=1, event_name="gen_ai.choice"),
        _log(
            json.dumps(details),
            60.3,
            turn=1,
            event_name="gen_ai.client.inference.operation.details",
        ),
        _log("nobody's turn", 65),
    )
    for path, shown in (
        ("/session", {"id": "s"}),
        ("/trace", {"id": _span(1).trace_id}),
    ):
        page = (await api.get(path, **shown)).text
        assert "&lt;script&gt;boom&lt;/script&gt;" in page
        assert "<script>boom" not in page
        assert '<span class="chip bad">ERROR</span>' in page
        assert "gen_ai.choice" in page
        assert '<div class="verbatim" dir="auto">It arrives on Thursday.</div>' in page
        assert '<div class="verbatim" dir="auto">Anything else?</div>' in page
        assert ("nobody&#39;s turn" in page) == (path == "/session")
