"""Lists and replays over HTTP: complete, in order, in pages that fit together, and exact."""

from __future__ import annotations

import asyncio
import csv
import io
import itertools
import json
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from query.filters import SessionFilters
from query.reads import spans as span_reads
from query.reads import stream
from store.client import Store
from tests import model, processes
from tests.model import SentSpan
from tests.query import app_client, keep

NOON_NS = 1_795_391_999 * 10**9
SORTS = ("start", "end", "duration", "traces", "spans", "errors", "tokens", "cost", "id")


def _spans() -> list[SentSpan]:
    """Forty sessions with many equal figures, one of them of sixty traces; ids of every kind."""
    ids = ["a/../b?c=d&e#f", "..", "id with spaces", "日本🙂", "x" * 500, *map(str, range(35))]
    spans = []
    for number, session_id in enumerate(ids):
        for trace in range(60 if session_id == ".." else 1 + number % 3):
            trace_id = f"{number:016x}{trace:016x}"
            for span in range(1 + number % 2):
                start_ns = NOON_NS + (number % 7) * 10**9 + trace * 10**6 + span
                spans.append(
                    SentSpan(
                        trace_id=trace_id,
                        span_id=f"{span + 1:016x}",
                        parent_span_id="" if span == 0 else f"{1:016x}",
                        name=f"span {span}",
                        start_ns=start_ns,
                        end_ns=start_ns + (number % 5) * 10**8,
                        attributes={
                            "session.id": session_id,
                            "user.id": f"user-{number % 4}",
                            "input.value": f"question {trace} of {number}",
                            "output.value": f"answer {trace}",
                            "gen_ai.request.model": f"model-{number % 3}",
                            "gen_ai.usage.input_tokens": number % 4,
                            "gen_ai.usage.cost": (number % 6) / 10,
                        },
                        resource={"service.name": "web"},
                        is_error=number % 5 == 0 and span == 0,
                        received_ns=NOON_NS + 10**12,
                    )
                )
    return spans


SPANS = _spans()
SESSIONS = model.sessions(SPANS)
TRACES = model.traces(SPANS)


async def _fill(store: processes.Store) -> str:
    """Keep SPANS in a project of its own, and return its name."""
    project = f"reads-{secrets.token_hex(4)}"
    async with Store(store.config) as client:
        await keep(client, project, SPANS)
    return project


@pytest.fixture(scope="module")
def project(store: processes.Store) -> str:
    """A project with SPANS, for reading alone."""
    return asyncio.run(_fill(store))


@pytest.fixture
async def asking(store: processes.Store, project: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, in that project."""
    async with app_client(store.config) as asking:
        asking.params = {"project": project}
        yield asking


async def _all_pages(asking: httpx.AsyncClient, path: str, **parameters: Any) -> list[Any]:
    rows: list[Any] = []
    cursor = ""
    while True:
        answer = await asking.get(path, params={**parameters, "cursor": cursor})
        assert answer.status_code == 200, answer.text
        rows += answer.json()["data"]
        cursor = answer.json()["next"]
        if not cursor:
            return rows


@pytest.mark.parametrize("sort", [name for s in SORTS for name in (s, f"-{s}")])
async def test_pages_in_any_order_are_the_whole_list(asking: httpx.AsyncClient, sort: str) -> None:
    """Each session once, ordered by the figure, and the same in pages however many share it."""
    paged = await _all_pages(asking, "/api/v1/sessions", sort=sort, limit=7)
    whole = await _all_pages(asking, "/api/v1/sessions", sort=sort, limit=200)
    keys: dict[str, Any] = {
        "start": lambda s: s.start_ns,
        "end": lambda s: s.end_ns,
        "duration": lambda s: s.end_ns - s.start_ns,
        "traces": lambda s: s.trace_count,
        "spans": lambda s: s.span_count,
        "errors": lambda s: s.error_count,
        "tokens": lambda s: s.total_tokens,
        "cost": lambda s: s.cost,
        "id": lambda s: s.session_id.encode(),
    }
    key = keys[sort.removeprefix("-")]
    ids = [row["session_id"] for row in paged]
    assert ids == [row["session_id"] for row in whole]
    assert sorted(ids) == sorted(session.session_id for session in SESSIONS.values())
    by_id = {session.session_id: session for session in SESSIONS.values()}
    expected = sorted(map(key, by_id.values()), reverse=sort.startswith("-"))
    assert [key(by_id[session_id]) for session_id in ids] == expected


async def test_figures_are_those_of_the_sessions(asking: httpx.AsyncClient) -> None:
    """As a plain recomputation from the spans has them."""
    for row in await _all_pages(asking, "/api/v1/sessions", limit=200):
        session = SESSIONS[row["session_id"]]
        for name in ("trace_count", "span_count", "error_count", "input_tokens", "total_tokens"):
            assert row[name] == getattr(session, name)
        assert row["cost"] == pytest.approx(float(session.cost))
        assert row["duration_ns"] == session.end_ns - session.start_ns
        assert row["user_ids"] == list(session.user_ids)
        assert row["models"] == list(session.models)
        assert row["start_time"].endswith(f"{session.start_ns % 10**9:09d}Z")


@pytest.mark.parametrize(
    ("filters", "holds"),
    [
        ({"user": "user-1"}, lambda s: "user-1" in s.user_ids),
        ({"model": ["model-0", "model-1"]}, lambda s: {"model-0", "model-1"} & set(s.models)),
        ({"errors": "true"}, lambda s: s.error_count > 0),
        ({"errors": "false"}, lambda s: s.error_count == 0),
        ({"traces_min": 2, "traces_max": 3}, lambda s: 2 <= s.trace_count <= 3),
        ({"tokens_min": 5}, lambda s: s.total_tokens >= 5),
        ({"cost_max": 0.25}, lambda s: float(s.cost) <= 0.25),
        ({"duration_min": 0.3}, lambda s: s.end_ns - s.start_ns >= 3 * 10**8),
        ({"q": "QUESTION 0 OF 7"}, lambda s: s.first_input == "question 0 of 7"),
        ({"q": "日本"}, lambda s: "日本" in s.session_id),
        ({"service": "web", "user": "user-2", "errors": "true"},
         lambda s: "user-2" in s.user_ids and s.error_count),
        ({"to": "2026-11-23T00:00:00Z"}, lambda s: s.start_ns < NOON_NS + 10**9),
        ({"from": "2026-11-23T00:00:04.5Z"}, lambda s: s.end_ns >= NOON_NS + 55 * 10**8),
        ({"bookmarked": "true"}, lambda _: False),
        ({"last": "5m"}, lambda _: False),
    ],
    ids=str,
)  # fmt: skip
async def test_filters_give_the_sessions_that_they_say(
    asking: httpx.AsyncClient, filters: dict[str, Any], holds: Any
) -> None:
    """No more and no fewer."""
    rows = await _all_pages(asking, "/api/v1/sessions", limit=10, **filters)
    expected = {session.session_id for session in SESSIONS.values() if holds(session)}
    assert {row["session_id"] for row in rows} == expected


async def test_marks_are_filters(store: processes.Store, asking: httpx.AsyncClient) -> None:
    """On the session itself, and on a trace that is in it."""
    asking.params = {"project": await _fill(store)}
    trace_of_nine = next(t.trace_id for t in TRACES.values() if t.session_id == "9")
    await asking.put("/api/v1/session/bookmark", params={"id": "3"})
    for body in (
        {"session_id": "4", "name": "helpful", "value": 0.75},
        {"trace_id": trace_of_nine, "name": "helpful", "value": 0.25},
        {"session_id": "5", "name": "tone", "value": "friendly"},
    ):
        assert (await asking.post("/api/v1/scores", json=body)).status_code == 201
    comment = {"trace_id": trace_of_nine, "text": "Look at this one"}
    assert (await asking.post("/api/v1/comments", json=comment)).status_code == 201
    for filters, expected in (
        ({"bookmarked": "true"}, {"3"}),
        ({"score": "helpful"}, {"4", "9"}),
        ({"score": "helpful>=0.5"}, {"4"}),
        ({"score": "helpful<0.5"}, {"9"}),
        ({"score": "tone=friendly"}, {"5"}),
        ({"score": ["helpful", "tone"]}, set()),
        ({"commented": "true"}, {"9"}),
        ({"comment": "LOOK"}, {"9"}),
        ({"comment": "elsewhere"}, set()),
    ):
        rows = await _all_pages(asking, "/api/v1/sessions", **filters)
        assert {row["session_id"] for row in rows} == expected, filters
    [nine] = await _all_pages(asking, "/api/v1/sessions", commented="true")
    assert nine["comment_count"] == 1
    assert nine["scores"] == [{"name": "helpful", "count": 1, "mean": 0.25, "values": []}]
    without = await _all_pages(asking, "/api/v1/sessions", bookmarked="false", commented="false")
    assert len(without) == len(SESSIONS) - 2


@pytest.mark.parametrize("session_id", SESSIONS)
async def test_a_replay_is_the_session_in_order(asking: httpx.AsyncClient, session_id: str) -> None:
    """Whatever the id is made of: turns in time order, with what was said and all their spans."""
    turns = await _all_pages(asking, "/api/v1/session/replay", id=session_id, limit=9)
    traces = [t for t in TRACES.values() if t.session_id == session_id]
    expected = sorted(traces, key=lambda t: (t.start_ns, t.trace_id))
    assert [t["trace_id"] for t in turns] == [t.trace_id for t in expected]
    for turn, trace in zip(turns, expected, strict=True):
        assert (turn["input"]["text"], turn["output"]["text"]) == (trace.input, trace.output)
        assert len(turn["spans"]) == trace.span_count == turn["span_count"]
        assert [span["depth"] for span in turn["spans"]] == [0, 1][: trace.span_count]
    answer = await asking.get("/api/v1/session", params={"id": session_id})
    assert answer.json()["trace_count"] == len(traces)
    middle = turns[len(turns) // 2]["trace_id"]
    page = await asking.get("/api/v1/session/replay", params={"id": session_id, "at": middle})
    assert page.json()["data"][0]["trace_id"] == middle


async def test_a_replay_has_values_whole(store: processes.Store) -> None:
    """Values that are shorter than a preview, as long, and longer; of one span, and of two."""
    project = f"values-{secrets.token_hex(4)}"
    sizes = [0, 1, 999, 1000, 1001, 5000]
    said = [("é" * i, "日" * o) for i, o in itertools.product(sizes, sizes)]
    of_two = [replace(SPANS[0], attributes={"session.id": "s", key: text}, span_id=f"{n:016x}",
                      trace_id="f" * 32, parent_span_id="a" * 16)
              for n, (key, text) in enumerate(
                  [("input.value", "é" * 1001), ("output.value", "日" * 999)], 1)]  # fmt: skip
    spans = [
        replace(SPANS[0], trace_id=f"{n:032x}", start_ns=NOON_NS + n, attributes={
            "session.id": "s", "input.value": i, "output.value": o})
        for n, (i, o) in enumerate(said, start=1)
    ]  # fmt: skip
    async with Store(store.config) as client, app_client(store.config) as asking:
        await keep(client, project, [*spans, *of_two])
        turns = await _all_pages(
            asking, "/api/v1/session/replay", project=project, id="s", limit=100
        )
    found = {t["trace_id"]: (t["input"], t["output"]) for t in turns}
    expected = {s.trace_id: texts for s, texts in zip(spans, said, strict=True)}
    expected["f" * 32] = ("é" * 1001, "日" * 999)
    assert {t: (i["text"], o["text"]) for t, (i, o) in found.items()} == expected
    assert all(value["is_whole"] for pair in found.values() for value in pair)
    assert [value["span_id"] for value in found["f" * 32]] == [s.span_id for s in of_two]


async def test_a_replay_has_values_of_spans_that_it_does_not_show(store: processes.Store) -> None:
    """A trace of more spans than a page has room for, what came out being of its last one."""
    project = f"large-{secrets.token_hex(4)}"
    small = replace(SPANS[0], trace_id="a" * 32)
    told = {0: {"input.value": "first"}, 149: {"output.value": "last"}}
    large = [
        replace(small, trace_id="b" * 32, span_id=f"{n + 1:016x}", start_ns=NOON_NS + n,
                attributes={"session.id": small.attributes["session.id"], **told.get(n, {})})
        for n in range(150)
    ]  # fmt: skip
    async with Store(store.config) as client, app_client(store.config) as asking:
        await keep(client, project, [small, *large])
        turns = await _all_pages(
            asking, "/api/v1/session/replay", project=project, id=small.attributes["session.id"]
        )
    found = {t["trace_id"]: t for t in turns}
    values = {i: (t["input"]["text"], t["output"]["text"]) for i, t in found.items()}
    assert values == {
        "a" * 32: (small.attributes["input.value"], small.attributes["output.value"]),
        "b" * 32: ("first", "last"),
    }
    assert [span["span_id"] for span in found["b" * 32]["spans"]] == [
        span.span_id for span in large[:100]
    ]


async def test_a_replay_can_be_searched(asking: httpx.AsyncClient) -> None:
    """By what was said anywhere in a turn, and by errors."""
    found = await _all_pages(asking, "/api/v1/session/replay", id="..", q="QUESTION 41 of")
    assert [turn["input"]["text"] for turn in found] == ["question 41 of 1"]
    assert await _all_pages(asking, "/api/v1/session/replay", id="..", errors="true") == []
    failed = await _all_pages(asking, "/api/v1/session/replay", id="0", errors="true")
    assert len(failed) == SESSIONS["0"].error_count


@pytest.mark.parametrize(
    "failed",
    [replace(SPANS[0], status_message="Boom: 日本"), replace(SPANS[0], exception="Boom: 日本")],
    ids=["status", "event"],
)
async def test_a_replay_can_be_searched_for_what_went_wrong(
    store: processes.Store, failed: SentSpan
) -> None:
    """The page shows why a span failed: it can be found by that."""
    project = secrets.token_hex(8)
    spans = [
        replace(span, trace_id=f"{n:032x}", attributes={"session.id": "s"})
        for n, span in enumerate((SPANS[0], failed), 1)
    ]
    async with Store(store.config) as client, app_client(store.config) as asking:
        await keep(client, project, spans)
        url = "/api/v1/session/replay"
        found = await _all_pages(asking, url, project=project, id="s", q="boom: 日")
    assert [turn["trace_id"] for turn in found] == [spans[1].trace_id]


async def test_a_stream_goes_on_after_any_line(
    asking: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It breaks off somewhere, and what comes after its last cursor is the rest, exactly."""
    monkeypatch.setattr(stream, "_TRACES", 7)
    monkeypatch.setattr(stream, "_SPANS", 10)
    url = "/api/v1/session/replay/stream"
    for session_id in ("..", "1", "6"):
        lines = (await asking.get(url, params={"id": session_id})).text.splitlines()
        expected = SESSIONS[session_id]
        assert len(lines) == expected.trace_count + expected.span_count
        for number in range(0, len(lines), 5):
            after = json.loads(lines[number])["cursor"]
            rest = await asking.get(url, params={"id": session_id, "cursor": after})
            assert rest.text.splitlines() == lines[number + 1 :]


async def test_traces_are_streamed_many_at_a_time(
    asking: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as a step may have: sessions of thousands would take minutes otherwise."""
    steps = []
    read = span_reads.whole_of_traces

    async def spy(*args: Any, **options: Any) -> Any:
        steps.append(args[2])
        return await read(*args, **options)

    monkeypatch.setattr(stream, "_SPANS", 10)
    monkeypatch.setattr(span_reads, "whole_of_traces", spy)
    await asking.get("/api/v1/session/replay/stream", params={"id": ".."})
    assert [len(traces) for traces in steps] == [5] * 12  # of two spans each


async def test_a_trace_larger_than_a_step_is_streamed_whole(
    asking: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some traces have thousands of spans."""
    monkeypatch.setattr(stream, "_SPANS", 1)
    lines = (await asking.get("/api/v1/session/replay/stream", params={"id": "0"})).text
    kinds = [json.loads(line)["kind"] for line in lines.splitlines()]
    assert kinds == ["trace", "span", "span"] * SESSIONS["0"].trace_count


async def test_exports_are_the_list(asking: httpx.AsyncClient) -> None:
    """In each format, with the same filters, and no formula for a spreadsheet."""
    every = {"user": "user-1"}
    expected = [row["session_id"] for row in await _all_pages(asking, "/api/v1/sessions", **every)]
    texts = {
        form: (await asking.get("/api/v1/sessions/export", params={**every, "format": form})).text
        for form in ("csv", "json", "jsonl")
    }
    assert [row["session_id"] for row in json.loads(texts["json"])] == expected
    assert [json.loads(line)["session_id"] for line in texts["jsonl"].splitlines()] == expected
    rows = list(csv.DictReader(io.StringIO(texts["csv"], newline="")))
    assert [row["session_id"].removeprefix("'") for row in rows] == expected


async def test_a_span_is_given_with_all_there_is(asking: httpx.AsyncClient) -> None:
    """Attributes and resource, and the time to the nanosecond."""
    sent = SPANS[-1]
    answer = await asking.get("/api/v1/span", params={"trace": sent.trace_id, "id": sent.span_id})
    span = answer.json()
    assert span["attributes"]["user.id"] == sent.attributes["user.id"]
    assert span["resource"] == {"service.name": "web"}
    assert span["start_time"].endswith(f".{sent.start_ns % 10**9:09d}Z")


async def test_what_is_not_there_is_said(asking: httpx.AsyncClient) -> None:
    """With a status that programs know, and words for people."""
    for url, parameters, status in (
        ("/api/v1/session", {"id": "nobody"}, 404),
        ("/api/v1/session/replay", {"id": "nobody"}, 404),
        ("/api/v1/session/replay", {"id": "0", "at": "nowhere"}, 404),
        ("/api/v1/session/replay/stream", {"id": "nobody"}, 404),
        ("/api/v1/session/export", {"id": "nobody"}, 404),
        ("/api/v1/trace", {"id": "f" * 32}, 404),
        ("/api/v1/span", {"trace": SPANS[0].trace_id, "id": "f" * 16}, 404),
        ("/api/v1/sessions", {"cursor": "nonsense"}, 400),
        ("/api/v1/sessions", {"sesion": "x"}, 422),
        ("/api/v1/sessions", {"score": ">="}, 422),
        ("/api/v1/sessions", {"limit": "0"}, 422),
        ("/api/v1/nothing", {}, 404),
    ):
        answer = await asking.get(url, params=parameters)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["detail"]


def test_places_of_spans_order_as_the_view_does() -> None:
    """The key that streams go on from is the order of session_replay."""
    assert span_reads.ORDER == "Timestamp, ParentSpanId != '', Duration DESC, SpanId"
    assert SessionFilters().given() == {}
