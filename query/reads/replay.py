"""
The replay of a session: its traces in the order in which they began, each with what went in, what
came out, and its spans. Pages and stream cost the same however long the session is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from query import cursor
from query.reads import logs, spans
from query.reads.columns import ONE_THREAD, TRACE, fields, select
from query.reads.models import Page, Span, Trace, Turn, Value
from query.reads.tree import arrange
from runtime.errors import NotFound
from store.client import Store

# Of a trace, on a page of turns; its own page has them all.
SPANS_MAX = 100
# Of an input or an output, on a page of turns; /span has it whole.
CHARACTERS_MAX = 100_000

# In one pass: the engine reads the previews for the rows of the page alone.
_PAGE = f"""
SELECT {select(TRACE)} FROM session_traces_data FINAL
WHERE Project = {{project:String}} AND SessionId = {{session_id:String}}
    AND (toUnixTimestamp64Nano(StartTime), TraceId) > ({{after:Int64}}, {{after_id:String}})
    AND %s
ORDER BY StartTime, TraceId
LIMIT {{rows:UInt32}}
{ONE_THREAD}
"""
_START = """
SELECT toUnixTimestamp64Nano(StartTime) FROM session_traces_data FINAL
WHERE Project = {project:String} AND SessionId = {session_id:String} AND TraceId = {trace:String}
"""
# Of the session's turns three columns alone, so they may be counted however many there are.
_BEFORE = """
SELECT count(), max(toUnixTimestamp64Nano(EndTime)),
    max((toUnixTimestamp64Nano(StartTime), TraceId) AS Place).1, max(Place).2
FROM session_traces_data FINAL
WHERE Project = {project:String} AND SessionId = {session_id:String}
    AND (toUnixTimestamp64Nano(StartTime), TraceId) < ({start:Int64}, {trace:String})
"""
_ERRORS = "ErrorCount > 0"
# What a trace's spans say, in all their attributes and events, and why they failed: a session at a
# time, so it may be read whole.
_SAYS = """
TraceId IN (
    SELECT TraceId FROM spans
    WHERE Project = {project:String} AND (toStartOfHour(Timestamp), TraceId) IN (
        SELECT arrayJoin(Hours), TraceId FROM session_traces_data FINAL
        WHERE Project = {project:String} AND SessionId = {session_id:String}
    ) AND (
        positionCaseInsensitiveUTF8(StatusMessage, {q:String}) > 0
        OR arrayExists(
            said -> arrayExists(
                v -> positionCaseInsensitiveUTF8(v, {q:String}) > 0, mapValues(said)),
            arrayPushBack(`Events.Attributes`, SpanAttributes))
    )
)
"""


class Before(NamedTuple):
    """What comes before a page of turns."""

    cursor: str = ""  # of the page
    turns: int = 0  # how many
    ended_ns: int = 0  # when the last of them ended, 0 where there are none


async def before(store: Store, project: str, session_id: str, trace_id: str) -> Before:
    """
    Return what comes before the page that begins at a trace of a session.

    Raises:
        NotFound: the trace is not in this session.
        RetryableError: the store cannot be read right now.
    """
    parameters = {"project": project, "session_id": session_id, "trace": trace_id}
    found = await store.query(_START, parameters)
    if not found:
        raise NotFound("there is no such turn in this session: it may have been deleted, or moved")
    [(start_ns,)] = found
    rows = await store.query(_BEFORE, {**parameters, "start": start_ns})
    [(count, ended_ns, last_start_ns, last_id)] = rows
    if not count:
        return Before()
    return Before(cursor.encode(last_start_ns, last_id), count, ended_ns)


async def page(
    store: Store,
    project: str,
    session_id: str,
    *,
    after: str = "",
    limit: int,
    errors: bool = False,
    q: str = "",
) -> Page[Turn]:
    """
    Return turns with their spans, in time order; with `errors` those that have any, with `q` those
    that say so somewhere.

    Raises:
        InvalidRequest: the cursor is of another list.
        RetryableError: the store cannot be read right now.
    """
    found, has_logs = await asyncio.gather(
        traces(store, project, session_id, after, limit, errors=errors, q=q),
        logs.are_kept(store, project),
    )
    turns = [Turn(**dict(trace)) for trace in found.data]
    place = logs.Place(
        after_ns=cursor.decode(after, (int, str))[0] if after else None,
        is_last=not found.next,
        is_whole=not (errors or q),
    )
    await asyncio.gather(
        _add_spans(store, project, turns),
        *([logs.add_to(store, project, session_id, turns, place)] if has_logs else []),
    )
    return Page(data=turns, next=found.next)


async def traces(
    store: Store,
    project: str,
    session_id: str,
    after: str,
    limit: int,
    *,
    errors: bool = False,
    q: str = "",
) -> Page[Trace]:
    """
    Return the traces of a session, in time order, without spans and values.

    Raises:
        NotFound: the project has no such session.
        InvalidRequest: the cursor is of another list.
    """
    start_ns, trace_id = cursor.decode(after, (int, str)) if after else (-(2**62), "")
    conditions = [*([_ERRORS] if errors else []), *([_SAYS] if q else [])]
    parameters: dict[str, Any] = {
        "project": project,
        "session_id": session_id,
        "after": start_ns,
        "after_id": trace_id,
        "rows": limit + 1,
        **({"q": q} if q else {}),
    }
    rows = await store.query(_PAGE % (" AND ".join(conditions) or "1"), parameters)
    if not (rows or after or conditions):
        raise NotFound("there is no such session in this project")
    found = [Trace(**fields(TRACE, row)) for row in rows[:limit]]
    if len(rows) <= limit:
        return Page(data=found)
    return Page(data=found, next=cursor.encode(found[-1].start_ns, found[-1].trace_id))


async def _add_spans(store: Store, project: str, turns: Sequence[Turn]) -> None:
    """Add spans, input and output, at once but for turns of more spans than are shown."""
    small = [turn for turn in turns if turn.span_count <= SPANS_MAX]
    # Of these the attributes of all spans would be read for the values of two.
    large = [turn for turn in turns if turn.span_count > SPANS_MAX]
    (found, values), of_large, values_of_large = await asyncio.gather(
        spans.with_values(
            store,
            project,
            _hours(small),
            _sources(small),
            spans_max=SPANS_MAX,
            characters_max=CHARACTERS_MAX,
        ),
        spans.of_traces(store, project, _hours(large), spans_max=SPANS_MAX),
        spans.values(store, project, _hours(large), _sources(large), characters_max=CHARACTERS_MAX),
    )
    found |= of_large
    values |= values_of_large
    nothing = (Value(), Value())
    for turn in turns:
        turn.spans = arrange(found.get(turn.trace_id, []))
        turn.input = values.get((turn.trace_id, turn.input_span_id), nothing)[0]
        turn.output = values.get((turn.trace_id, turn.output_span_id), nothing)[1]


def _hours(turns: Iterable[Turn]) -> dict[str, list[datetime]]:
    return {turn.trace_id: turn.hours for turn in turns}


def _sources(turns: Iterable[Turn]) -> list[str]:
    """Return of which spans the input and the output of these turns are."""
    ids = {span_id for turn in turns for span_id in (turn.input_span_id, turn.output_span_id)}
    return sorted(ids - {""})


async def whole_trace(store: Store, project: str, trace_id: str, *, spans_max: int) -> list[Span]:
    """
    Return the spans of a trace in the order of its tree, whether it has a session or not.

    Raises:
        NotFound: the project has no such trace.
    """
    hours = await spans.hours_of(store, project, trace_id)
    found = await spans.of_traces(store, project, {trace_id: hours}, spans_max=spans_max)
    if trace_id not in found:
        raise NotFound("the spans of this trace are not kept any more")
    return arrange(found[trace_id])


_SESSIONS_OF = """
SELECT SessionId FROM session_traces
WHERE Project = {project:String} AND (SessionId, TraceId) IN (
    SELECT SessionId, TraceId FROM trace_sessions
    WHERE Project = {project:String} AND TraceId = {trace:String}
)
"""


async def sessions_of(store: Store, project: str, trace_id: str) -> list[str]:
    """Return the session that a trace is in, or nothing."""
    rows = await store.query(_SESSIONS_OF, {"project": project, "trace": trace_id})
    return [session_id for (session_id,) in rows]
