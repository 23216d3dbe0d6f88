"""
A whole session as one stream: each trace followed by its spans with all they have. It is read in
small steps, so that the longest session takes no more memory than a short one, a slow reader holds
nothing in the store, and every line says where to go on after it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel

from query import cursor
from query.reads import replay, spans
from query.reads.models import Trace, WholeSpan
from query.reads.spans import SpanKey
from store.client import Store

# At a time. A span is a few KB, and 100 KB where a long conversation is sent along.
_TRACES, _SPANS = 100, 250
_BEFORE_ALL = SpanKey(start_ns=-(2**62), is_child=0, duration_ns=0, span_id="")
_KINDS = (int, str, int, int, int, str)


class Line(BaseModel):
    """A trace, or a span of the trace before. A stream from `cursor` goes on after this line."""

    kind: Literal["trace", "span"]
    cursor: str
    trace: Trace | None = None
    span: WholeSpan | None = None


async def lines(store: Store, project: str, session_id: str, after: str) -> AsyncIterator[Line]:
    """
    Yield the session from a cursor on, from its beginning where that is empty.

    Raises:
        InvalidRequest: the cursor is of something else.
        RetryableError: the store cannot be read right now.
    """
    if after:
        start_ns, trace_id, *key = cursor.decode(after, _KINDS)
        hours = await spans.hours_of(store, project, trace_id)
        place = (start_ns, trace_id)
        async for line in _spans(store, project, place, hours, SpanKey(*key)):
            yield line
        after = cursor.encode(*place)
    while True:
        page = await replay.traces(store, project, session_id, after, _TRACES)
        for group in _groups(page.data):
            async for line in _group(store, project, group):
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


async def _group(store: Store, project: str, group: Sequence[Trace]) -> AsyncIterator[Line]:
    hours = {trace.trace_id: trace.hours for trace in group}
    found = await spans.whole_of_traces(store, project, hours, spans_max=_SPANS)
    by_trace: dict[str, list[WholeSpan]] = defaultdict(list)
    for span in found:
        by_trace[span.trace_id].append(span)
    for trace in group:
        place = (trace.start_ns, trace.trace_id)
        yield Line(kind="trace", cursor=cursor.encode(*place, *_BEFORE_ALL), trace=trace)
        if len(found) < _SPANS:
            for span in by_trace[trace.trace_id]:
                yield _line(place, span)
        else:  # there are more
            async for line in _spans(store, project, place, trace.hours, _BEFORE_ALL):
                yield line


async def _spans(
    store: Store,
    project: str,
    place: tuple[int, str],
    hours: Sequence[datetime],
    after: SpanKey,
) -> AsyncIterator[Line]:
    while True:
        found = await spans.whole_of_traces(
            store, project, {place[1]: hours}, after=after, spans_max=_SPANS
        )
        for span in found:
            yield _line(place, span)
        if len(found) < _SPANS:
            return
        after = SpanKey.of(found[-1])


def _line(place: tuple[int, str], span: WholeSpan) -> Line:
    return Line(kind="span", cursor=cursor.encode(*place, *SpanKey.of(span)), span=span)
