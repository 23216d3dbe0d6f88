"""The spans of a session as they stand in the store, read a few hundred at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from runtime.errors import NotFound
from store.client import Store

# At a time. A span is a few KB, and 100 KB where a long conversation is sent along.
_TRACES, _SPANS = 1000, 500
# In the order of their ids, in which the tables are sorted: each page reads its own part of them.
_PAGE_OF_TRACES = """
SELECT TraceId, Hours, SpanCount
FROM session_traces_data FINAL
WHERE Project = {project:String} AND SessionId = {session_id:String} AND TraceId > {after:String}
ORDER BY TraceId
LIMIT {traces:UInt32}
"""
# Maps as two lists: a key may stand in one twice.
_PAGE_OF_SPANS = """
SELECT
    TraceId, SpanId, ParentSpanId, TraceState, Flags, SpanName, SpanKind,
    toUnixTimestamp64Nano(Timestamp), Duration, TimeRepairs, StatusCode, StatusMessage,
    (mapKeys(SpanAttributes), mapValues(SpanAttributes)),
    DroppedAttributesCount, DroppedEventsCount, DroppedLinksCount,
    arrayMap(t -> toUnixTimestamp64Nano(t), Events.Timestamp), Events.Name,
    arrayMap(a -> (mapKeys(a), mapValues(a)), Events.Attributes),
    Links.TraceId, Links.SpanId, Links.TraceState,
    arrayMap(a -> (mapKeys(a), mapValues(a)), Links.Attributes),
    (mapKeys(ResourceAttributes), mapValues(ResourceAttributes)), ResourceSchemaUrl,
    ScopeName, ScopeVersion, (mapKeys(ScopeAttributes), mapValues(ScopeAttributes)), ScopeSchemaUrl
FROM otel_traces FINAL
WHERE Project = {project:String}
    AND toStartOfHour(Timestamp) IN {hours:Array(DateTime('UTC'))}
    AND TraceId IN {traces:Array(String)}
    AND SpanId >= {after:String} AND (SpanId, TraceId) > ({after:String}, {after_trace:String})
ORDER BY SpanId, TraceId
LIMIT {spans:UInt32}
"""

Attributes = tuple[Sequence[str], Sequence[str]]  # keys, and the values as text


class StoredSpan(NamedTuple):
    """A span, as the columns of `spans` have it."""

    trace_id: str
    span_id: str
    parent_span_id: str
    trace_state: str
    flags: int
    name: str
    kind: str
    timestamp_ns: int
    duration_ns: int
    time_repairs: Sequence[str]
    status_code: str
    status_message: str
    attributes: Attributes
    dropped_attributes: int
    dropped_events: int
    dropped_links: int
    event_times_ns: Sequence[int]
    event_names: Sequence[str]
    event_attributes: Sequence[Attributes]
    link_trace_ids: Sequence[str]
    link_span_ids: Sequence[str]
    link_trace_states: Sequence[str]
    link_attributes: Sequence[Attributes]
    resource: Attributes
    resource_schema_url: str
    scope_name: str
    scope_version: str
    scope_attributes: Attributes
    scope_schema_url: str


class _Trace(NamedTuple):
    trace_id: str
    hours: Sequence[datetime]
    span_count: int


async def pages(store: Store, project: str, session_id: str) -> AsyncIterator[list[StoredSpan]]:
    """
    Yield all spans of a session, some hundred at a time.

    Raises:
        NotFound: the project has no such session.
        StoreUnavailable: the store cannot be read right now.
    """
    parameters = {"project": project, "session_id": session_id, "traces": _TRACES}
    after = ""
    while True:
        rows = await store.query(_PAGE_OF_TRACES, {**parameters, "after": after})
        if not (rows or after):
            raise NotFound(f"there is no session '{session_id}' in project '{project}'")
        traces = [_Trace(*row) for row in rows]
        for group in _groups(traces):
            async for spans in _pages_of(store, project, group):
                yield spans
        if len(traces) < _TRACES:
            return
        after = traces[-1].trace_id


def _groups(traces: Iterable[_Trace]) -> Iterator[list[_Trace]]:
    """Yield traces that are small enough to be read together."""
    group: list[_Trace] = []
    spans = 0
    for trace in traces:
        if group and spans + trace.span_count > _SPANS:
            yield group
            group, spans = [], 0
        group.append(trace)
        spans += trace.span_count
    if group:
        yield group


async def _pages_of(
    store: Store, project: str, traces: Sequence[_Trace]
) -> AsyncIterator[list[StoredSpan]]:
    parameters: dict[str, Any] = {
        "project": project,
        "hours": sorted({hour for trace in traces for hour in trace.hours}),
        "traces": [trace.trace_id for trace in traces],
        "spans": _SPANS,
    }
    last = ("", "")
    while True:
        after = {"after": last[0], "after_trace": last[1]}
        rows = await store.query(_PAGE_OF_SPANS, {**parameters, **after})
        spans = [StoredSpan(*row) for row in rows]
        if spans:
            yield spans
        if len(spans) < _SPANS:
            return
        last = (spans[-1].span_id, spans[-1].trace_id)
