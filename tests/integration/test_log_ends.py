"""Log records end the sessions that they name, or those that their traces are in."""

from __future__ import annotations

import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord

from store.client import Store
from tests import otlp, processes
from tests.otlp import key_values
from tests.query import keep, keep_logs
from tests.samples import log_record, text

SECOND_NS = 10**9
TRACE_ID = bytes.fromhex(otlp.sample(1).trace_id)


@dataclass(kw_only=True)
class Project:
    """A project of its own in a store."""

    store: Store
    name: str

    async def send_span(self, *, start_s: float) -> None:
        """Keep the span of trace 1, in the session "s", that started so many seconds ago."""
        start_ns = time.time_ns() - int(start_s * SECOND_NS)
        span = replace(
            otlp.sample(int(start_s)),
            trace_id=TRACE_ID.hex(),
            start_ns=start_ns,
            end_ns=start_ns + 1,
            received_ns=time.time_ns(),
        )
        await keep(self.store, self.name, [span])

    async def send(self, *records: LogRecord) -> None:
        """Keep log records that are received now."""
        await keep_logs(self.store, self.name, *records, received_ns=time.time_ns())

    async def statuses(self) -> list[str]:
        """Return the status of each session."""
        rows = await self.store.query(
            "SELECT Status FROM sessions WHERE Project = {p:String}", {"p": self.name}
        )
        return [status for (status,) in rows]


@pytest.fixture
async def project(store: processes.Store) -> AsyncIterator[Project]:
    """A project with one session of one trace."""
    async with Store(store.config) as client:
        made = Project(store=client, name=f"life-{secrets.token_hex(4)}")
        await made.send_span(start_s=60)
        yield made


def record(body: str, *, ago_s: float = 30, session: str = "", **fields: Any) -> LogRecord:
    """Return a log record of trace 1, or of a session."""
    own = {"trace_id": b"", "attributes": key_values({"session.id": session})} if session else {}
    time_ns = time.time_ns() - int(ago_s * SECOND_NS)
    return log_record(
        time_unix_nano=time_ns, **{"trace_id": TRACE_ID, **own, **fields}, body=text(body)
    )


@pytest.mark.parametrize("session", ["s", ""], ids=["its own session", "its trace's session"])
async def test_a_log_record_ends_a_session(project: Project, session: str) -> None:
    """Until a span starts later."""
    assert await project.statuses() == ["open"]
    await project.send(record("bye", session=session, event_name="session.end"))
    assert await project.statuses() == ["ended"]
    await project.send_span(start_s=40)
    assert await project.statuses() == ["ended"]
    await project.send_span(start_s=20)
    assert await project.statuses() == ["open"]


async def test_the_attribute_of_old_events_does_as_well(project: Project) -> None:
    """`event.name` was an attribute before it was a field."""
    attributes = key_values({"session.id": "s", "event.name": "session.end"})
    await project.send(record("bye", session="s", attributes=attributes))
    assert await project.statuses() == ["ended"]


async def test_an_end_of_a_session_without_spans_is_no_session(project: Project) -> None:
    """Sessions are made of spans."""
    await project.send(record("bye", session="other", event_name="session.end"))
    assert await project.statuses() == ["open"]
