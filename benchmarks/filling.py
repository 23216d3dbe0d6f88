"""
Ten million spans in the store within minutes, its tables as if they had come in over OTLP.

The store makes the rows by itself, from numbers, and they get their meaning as in an insert of the
worker; then the worker's own statements resolve them, slice by slice, and merges come to rest.
What they make up is a week of chats: each trace is a turn of eight spans, about ten of them are a
session, and one session goes on all the time.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from pathlib import Path

from rich.progress import track

from schemas.statements import with_attribute_map
from store.client import Store
from workers.resolver import Resolver

SPANS_PER_TRACE = 8
LONG_SESSION = "kiosk-in-the-hall"
USERS = 5000
ENVIRONMENTS = ("production", "staging", "development")
DAYS = 7
_SHAPE = {
    "spans_per_trace": SPANS_PER_TRACE,
    "long_session": LONG_SESSION,
    "long_every": 50,  # one of so many traces is of the long session
    "block": 5000,  # traces that the others of a session lie within: 40 minutes
    "sessions_of_block": 508,
    "users": USERS,
    "environments": list(ENVIRONMENTS),
}
_SLICE = 50_000  # traces that are inserted and resolved together
_SETTLE_SECONDS_MAX = 300.0

_SPANS = with_attribute_map(Path(__file__).with_name("filling.sql").read_text(encoding="utf-8"))
_COLUMNS = """
    Project, Timestamp, TraceId, SpanId, ParentSpanId, SpanName, SpanKind, ServiceName,
    ResourceAttributes, ScopeName, ScopeVersion, SpanAttributes, Duration, StatusCode,
    StatusMessage, SessionId, SessionIdKey, SessionIdSource, Name, UserId, Type, Level,
    LevelMessage, Model,
    InputTokens, OutputTokens, TotalTokens, Cost, InputPreview, OutputPreview, InputKey,
    OutputKey, Environment, AppVersion, Tags, Version, Batch
"""
_COUNTS = {
    "spans": "SELECT count() FROM spans",
    "traces": "SELECT uniqExact(TraceId) FROM otel_traces",
    "traces in sessions": "SELECT count() FROM session_traces",
    "traces of sessions": "SELECT sum(TraceCount) FROM sessions",
    "spans of sessions": "SELECT sum(SpanCount) FROM sessions",
    "sessions": "SELECT count() FROM sessions",
    "distinct session ids": "SELECT uniqExact(SessionId) FROM otel_traces",
    "failed spans": "SELECT countIf(StatusCode = 'Error') FROM otel_traces",
    "errors of sessions": "SELECT sum(ErrorCount) FROM sessions",
    "tokens of spans": "SELECT sum(TotalTokens) FROM otel_traces",
    "tokens of sessions": "SELECT sum(TotalTokens) FROM sessions",
    "traces of the longest session": "SELECT max(TraceCount) FROM sessions",
}


async def fill(store: Store, *, spans: int) -> None:
    """Write so many spans, the last of them of just now, and resolve them."""
    traces = spans // SPANS_PER_TRACE
    step_ns = DAYS * 86_400 * 10**9 // traces
    start_ns = time.time_ns() - traces * step_ns
    resolver = Resolver(store)
    for first in track(range(0, traces, _SLICE), description="filling"):
        batch = f"{time.time_ns():016x}-{secrets.token_hex(4)}"
        given = {
            "start_ns": start_ns,
            "step_ns": step_ns,
            "first": first * SPANS_PER_TRACE,
            "spans": min(_SLICE, traces - first) * SPANS_PER_TRACE,
            "batch": batch,
        }
        await store.execute(f"INSERT INTO otel_traces ({_COLUMNS}) {_SPANS}", _SHAPE | given)
        await resolver.resolve(batch)
    await resolver.refresh(idle=True)
    await _settle(store)


async def _settle(store: Store) -> None:
    """Wait until nothing is being merged."""
    deadline = time.monotonic() + _SETTLE_SECONDS_MAX
    quiet = 0
    while quiet < 10:
        [[merges]] = await store.query("SELECT count() FROM system.merges")
        quiet = 0 if merges else quiet + 1
        if time.monotonic() > deadline:
            raise RuntimeError(f"still merging after {_SETTLE_SECONDS_MAX:g} s")
        await asyncio.sleep(0.5)


async def counts(store: Store) -> dict[str, int]:
    """
    Return what is stored.

    Raises:
        RuntimeError: the views are not exact.
    """
    found = {}
    for name, sql in _COUNTS.items():
        [[count]] = await store.query(sql)
        found[name] = int(count)
    for one, other in (
        ("traces", "traces in sessions"),
        ("traces", "traces of sessions"),
        ("spans", "spans of sessions"),
        ("sessions", "distinct session ids"),
        ("failed spans", "errors of sessions"),
        ("tokens of spans", "tokens of sessions"),
    ):
        if found[one] != found[other]:
            raise RuntimeError(f"{one}: {found[one]}, but {other}: {found[other]}")
    return found
