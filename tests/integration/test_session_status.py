"""Open, idle, ended: the same in whatever order spans and ends arrive."""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import httpx
import pytest

from store.client import Store
from tests import otlp, processes
from tests.model import SentSpan
from tests.query import app_client, keep, keep_all

SECOND_NS = 10**9


@pytest.fixture
async def api(store: processes.Store) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API."""
    async with app_client(store.config) as client:
        yield client


def span(number: int, *, start_s: float, end_event: bool = False) -> SentSpan:
    """Return a span of a second, in a trace of its own, that started so many seconds ago."""
    start_ns = time.time_ns() - int(start_s * SECOND_NS)
    return replace(
        otlp.sample(number),
        start_ns=start_ns,
        end_ns=start_ns + SECOND_NS,
        received_ns=time.time_ns(),
        end_event_ns=start_ns + SECOND_NS // 2 if end_event else 0,
    )


async def status(api: httpx.AsyncClient, project: str) -> str:
    """Return the status of the session "s"."""
    answer = await api.get("/api/v1/session", params={"id": "s", "project": project})
    assert answer.status_code == 200, answer.text
    session = answer.json()
    assert (session["ended_at"] is not None) == (session["status"] == "ended")
    return str(session["status"])


# Of each span how many seconds ago it started, and whether it ends the session.
CASES: dict[str, tuple[Sequence[tuple[float, bool]], str]] = {
    "an end is the last": ([(30, False), (20, False), (10, True)], "ended"),
    "a span that started before the end": ([(10, True), (10, False), (90, False)], "ended"),
    "a span that starts later": ([(20, True), (15, False), (10, False)], "open"),
    "ended again": ([(30, True), (20, False), (10, True)], "ended"),
    "long ago": ([(3600, False), (1900, False), (1811, False)], "idle"),
}


@pytest.mark.parametrize("case", CASES)
async def test_every_order_ends_in_the_same_status(
    store: processes.Store, api: httpx.AsyncClient, case: str
) -> None:
    """What counts is when a span starts, not when it comes."""
    told, expected = CASES[case]
    spans = [
        span(number, start_s=start_s, end_event=ends)
        for number, (start_s, ends) in enumerate(told, start=1)
    ]
    async with Store(store.config) as client:
        # Each order is a project of its own. All go side by side, one span of each in a batch.
        orders = {f"status-{secrets.token_hex(4)}": o for o in itertools.permutations(spans)}
        for number in range(len(spans)):
            await keep_all(client, {project: [o[number]] for project, o in orders.items()})
        for project, order in orders.items():
            assert await status(api, project) == expected, [one.trace_id[-1] for one in order]


async def test_an_end_moves_and_goes_with_its_span(
    store: processes.Store, api: httpx.AsyncClient
) -> None:
    """The end is the session's that the trace is in now, and ceases with being told."""
    project = f"status-{secrets.token_hex(4)}"
    ends = span(1, start_s=20, end_event=True)
    async with Store(store.config) as client:
        await keep(client, project, [replace(ends, attributes={"session.id": "other"})])
        await keep(client, project, [replace(ends, received_ns=time.time_ns())])
        assert await status(api, project) == "ended"
        unsaid = replace(ends, received_ns=time.time_ns(), end_event_ns=0)
        await keep(client, project, [unsaid])
        assert await status(api, project) == "open"


async def test_a_session_is_ended_by_the_api(
    store: processes.Store, api: httpx.AsyncClient
) -> None:
    """At once, and whatever was received already; spans that start later open it again."""
    project = f"status-{secrets.token_hex(4)}"
    asked = {"session_id": "s", "project": project}
    async with Store(store.config) as client:
        assert (await api.post("/api/v1/sessions/end", params=asked)).status_code == 404
        # The clock of this sender is ahead.
        await keep(client, project, [span(1, start_s=50), span(2, start_s=-60)])
        assert await status(api, project) == "open"
        answer = await api.post("/api/v1/sessions/end", params=asked)
        assert (answer.status_code, answer.json()["status"]) == (200, "ended")
        await keep(client, project, [span(3, start_s=40)])
        assert await status(api, project) == "ended"
        await keep(client, project, [span(4, start_s=-61)])
        assert await status(api, project) == "open"


async def test_the_list_is_filtered_by_status(
    store: processes.Store, api: httpx.AsyncClient
) -> None:
    """By API and on the page, which shows it."""
    project = f"status-{secrets.token_hex(4)}"
    async with Store(store.config) as client:
        for number, (session, start_s, ends) in enumerate(
            [("now", 5, False), ("over", 7, True), ("quiet", 4000, False)], start=1
        ):
            one = span(number, start_s=start_s, end_event=ends)
            await keep(client, project, [replace(one, attributes={"session.id": session})])
    for wanted, expected in (
        (["open"], ["now"]),
        (["idle"], ["quiet"]),
        (["ended"], ["over"]),
        (["open", "ended"], ["now", "over"]),
    ):
        asked = {"project": project, "status": wanted}
        found = (await api.get("/api/v1/sessions", params=asked)).json()["data"]
        assert [session["session_id"] for session in found] == expected
        page = (await api.get("/sessions", params=asked)).text
        assert [name for name in ("now", "over", "quiet") if f">{name}</bdi>" in page] == expected
    form = await api.post("/session/end", data={"id": "now"}, params={"project": project})
    assert form.status_code == 303
    assert 'chip status ended"' in (await api.get(form.headers["location"])).text
    told = (await api.get("/api/v1/sessions", params={"project": project, "status": "gone"})).text
    assert "status" in told


def test_when_a_session_is_idle_is_a_setting(store: processes.Store) -> None:
    """`sessiontrail migrate` brings it to the store, for SQL, API and pages alike."""
    defaults = (
        "SELECT default_expression FROM system.columns"
        " WHERE database = currentDatabase() AND name = 'IdleSeconds'"
    )
    processes.migrate(store, "sessions.idle_minutes=2.5")
    assert store.query(defaults) == [("150",)]
    processes.migrate(store)
    assert store.query(defaults) == [("1800",)]
