"""
A whole session as one stream: each trace followed by its spans with all they have and by its log
records, and in the end the session's own log records. It is read in small steps, so that the
longest session takes no more memory than a short one, a slow reader holds nothing in the store, and
every line says where to go on after it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from pydantic import BaseModel

from query import cursor
from query.reads import logs, replay, spans
from query.reads.logs import LogKey
from query.reads.models import Trace, WholeLogRecord, WholeSpan
from query.reads.spans import SpanKey
from runtime.errors import InvalidRequest
from store.client import Store

# At a time. A span is a few KB, and 100 KB where a long conversation is sent along.
_TRACES, _SPANS, _LOGS = 100, 250, 250
_BEFORE_ALL = SpanKey(start_ns=-(2**62), is_child=0, duration_ns=0, span_id="")
# Cursors behind spans, and behind log records.
_SPAN_KINDS = (int, str, int, int, int, str)
_LOG_KINDS = (int, str, int, int)


class Line(BaseModel):
    """
    A trace, a span or a log record of the trace before, or a log record of the session's own. A
    stream from `cursor` goes on after this line.
    """

    kind: Literal["trace", "span", "log"]
    cursor: str
    trace: Trace | None = None
    span: WholeSpan | None = None
    log: WholeLogRecord | None = None


async def lines(store: Store, project: str, session_id: str, after: str) -> AsyncIterator[Line]:
    """
    Yield the session from a cursor on, from its beginning where that is empty.

    Raises:
        InvalidRequest: the cursor is of something else.
        RetryableError: the store cannot be read right now.
    """
    at = _decode(after) if after else None
    if at is None or at.trace_id:
        if at:
            async for line in _rest(store, project, session_id, at):
                yield line
        async for line in _traces(store, project, session_id, at):
            yield line
        at = None
    async for line in _logs(store, project, session_id, _BEHIND_ALL, after=at and at.log):
        yield line


class _Place(NamedTuple):
    """Where a line stands: in a trace, behind a span or behind a log record."""

    start_ns: int
    trace_id: str  # '' behind all traces
    span: SpanKey | None = None
    log: LogKey | None = None


_BEHIND_ALL = _Place(2**62, "")


def _decode(text: str) -> _Place:
    try:
        start_ns, trace_id, *log = cursor.decode(text, _LOG_KINDS)
        return _Place(start_ns, trace_id, log=LogKey(*log))
    except InvalidRequest:
        start_ns, trace_id, *span = cursor.decode(text, _SPAN_KINDS)
        return _Place(start_ns, trace_id, span=SpanKey(*span))


async def _rest(store: Store, project: str, session_id: str, at: _Place) -> AsyncIterator[Line]:
    if at.span:
        hours = await spans.hours_of(store, project, at.trace_id)
        async for line in _spans(store, project, at, hours, at.span):
            yield line
    async for line in _logs(store, project, session_id, at, after=at.log):
        yield line


async def _traces(
    store: Store, project: str, session_id: str, at: _Place | None
) -> AsyncIterator[Line]:
    after = cursor.encode(at.start_ns, at.trace_id) if at else ""
    while True:
        page = await replay.traces(store, project, session_id, after, _TRACES)
        for group in _groups(page.data):
            async for line in _group(store, project, session_id, group):
                yield line
        if not page.next:
            return
        after = page.next


def _groups(traces: Iterable[Trace]) -> Iterator[list[Trace]]:
    """Yield traces that are small enough to be read together."""
    group: list[Trace] = []
    for trace in traces:
        if group and sum(t.span_count for t in (*group, trace)) > _SPANS:
            yield group
            group = []
        group.append(trace)
    if group:
        yield group


async def _group(
    store: Store, project: str, session_id: str, group: Sequence[Trace]
) -> AsyncIterator[Line]:
    hours = {trace.trace_id: trace.hours for trace in group}
    # One more than a group may have by its figures, so that as many are not taken for too many.
    found = await spans.whole_of_traces(store, project, hours, spans_max=_SPANS + 1)
    by_trace: dict[str, list[WholeSpan]] = defaultdict(list)
    for span in found:
        by_trace[span.trace_id].append(span)
    with_logs = await logs.traces_with_logs(store, project, session_id, hours)
    for trace in group:
        place = _Place(trace.start_ns, trace.trace_id)
        yield Line(
            kind="trace",
            cursor=cursor.encode(trace.start_ns, trace.trace_id, *_BEFORE_ALL),
            trace=trace,
        )
        if len(found) <= _SPANS:
            for span in by_trace[trace.trace_id]:
                yield _line(place, span)
        else:  # there are more
            async for line in _spans(store, project, place, trace.hours, _BEFORE_ALL):
                yield line
        if trace.trace_id in with_logs:
            async for line in _logs(store, project, session_id, place):
                yield line


async def _spans(
    store: Store, project: str, place: _Place, hours: Sequence[datetime], after: SpanKey
) -> AsyncIterator[Line]:
    while True:
        found = await spans.whole_of_traces(
            store, project, {place.trace_id: hours}, after=after, spans_max=_SPANS
        )
        for span in found:
            yield _line(place, span)
        if len(found) < _SPANS:
            return
        after = SpanKey.of(found[-1])


def _line(place: _Place, span: WholeSpan) -> Line:
    key = cursor.encode(place.start_ns, place.trace_id, *SpanKey.of(span))
    return Line(kind="span", cursor=key, span=span)


async def _logs(
    store: Store, project: str, session_id: str, place: _Place, after: LogKey | None = None
) -> AsyncIterator[Line]:
    while True:
        found = await logs.of_session(
            store, project, session_id, place.trace_id, after=after, logs_max=_LOGS
        )
        for record in found:
            key = cursor.encode(place.start_ns, place.trace_id, *LogKey.of(record))
            yield Line(kind="log", cursor=key, log=record)
        if len(found) < _LOGS:
            return
        after = LogKey.of(found[-1])
