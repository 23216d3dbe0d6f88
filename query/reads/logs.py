"""
Log records: those of the turns on a page, those of a trace, and all of a session in small steps.

A record belongs to the session that it names, or else to that of its trace. Of a session's own
records those are read that stand within a day of its turns, which is where they are looked for.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Self

from query.reads.columns import BY_PARTITION, LOG, WHOLE_LOG, Columns, fields, select
from query.reads.models import LogRecord, Turn, WholeLogRecord
from runtime.errors import NotFound
from store.client import Store

# Of a turn, and of what stands between the turns of a page; a trace's page has more.
LOGS_MAX = 100
_HOUR_NS = 3600 * 10**9
_DAY_NS = 24 * _HOUR_NS

_KEY = "toUnixTimestamp64Nano(Timestamp), reinterpretAsInt64(ContentHash)"
# Most projects have none: asked by the beginning of the table's key.
_ANY = "SELECT 1 FROM otel_logs WHERE Project = {project:String} LIMIT 1"
# Which turn a record is of; '' where it is the session's own.
_OF_TURNS = f"""
SELECT {select(LOG)}, if(TraceId IN {{traces:Array(String)}}, TraceId, '') AS Turn,
    count() OVER (PARTITION BY Turn)
FROM otel_logs FINAL
WHERE Project = {{project:String}}
    AND SessionId IN ('', {{session:String}})
    AND (TraceId IN {{traces:Array(String)}} OR SessionId != ''
        AND toUnixTimestamp64Nano(Timestamp) BETWEEN {{since:Int64}} AND {{until:Int64}} - 1)
    AND toUnixTimestamp64Nano(Timestamp) BETWEEN {{from:Int64}} AND {{to:Int64}}
ORDER BY {_KEY}
LIMIT {{logs:UInt32}} BY Turn
SETTINGS {BY_PARTITION}
"""
# Records of other turns than those on the page stand there.
_ELSEWHERE = """
SELECT TraceId FROM session_traces_data FINAL
WHERE Project = {project:String} AND SessionId = {session:String}
    AND TraceId IN {traces:Array(String)}
"""


def _of_trace(columns: Columns) -> str:
    return f"""
SELECT {select(columns)} FROM otel_logs FINAL
WHERE Project = {{project:String}} AND TraceId = {{trace:String}}
    AND toUnixTimestamp64Nano(Timestamp) BETWEEN {{from:Int64}} AND {{to:Int64}}
    AND ({_KEY}) > ({{after:Int64}}, {{after_hash:Int64}})
ORDER BY {_KEY}
LIMIT {{logs:UInt32}}
SETTINGS {BY_PARTITION}
"""


_IN_SESSION = "Project = {project:String} AND SessionId IN ('', {session:String})"
# Of a session, in one of its traces, or in none of them.
_OF_SESSION = f"""
SELECT {select(WHOLE_LOG)} FROM otel_logs FINAL
WHERE {_IN_SESSION} AND %s AND ({_KEY}) > ({{after:Int64}}, {{after_hash:Int64}})
ORDER BY {_KEY}
LIMIT {{logs:UInt32}}
SETTINGS {BY_PARTITION}
"""
_IN_TRACE = "TraceId = {trace:String}"
_IN_NONE = """
SessionId = {session:String} AND TraceId NOT IN (
    SELECT TraceId FROM session_traces_data FINAL
    WHERE Project = {project:String} AND SessionId = {session:String}
)
"""
_WITH_LOGS = f"""
SELECT DISTINCT TraceId FROM otel_logs
WHERE {_IN_SESSION} AND TraceId IN {{traces:Array(String)}}
"""
_LIGHT_OF_TRACE, _WHOLE_OF_TRACE = _of_trace(LOG), _of_trace(WHOLE_LOG)


class LogKey(NamedTuple):
    """The place of a log record within its trace."""

    time_ns: int
    hash: int

    @classmethod
    def of(cls, record: WholeLogRecord) -> Self:
        """Return the place of a record."""
        return cls(record.time_ns, record.content_hash)


_BEFORE_ALL = LogKey(-(2**62), 0)


class Place(NamedTuple):
    """
    Where a page of turns stands in its session. `after_ns` is when the turn before it began, None
    where there is none: the session's own log records from there on belong to the page. Behind the
    last page there are no turns, so it has also those that came after it. Between turns that were
    searched for (not `is_whole`) there may be others, so there are none but the turns' own.
    """

    after_ns: int | None
    is_last: bool
    is_whole: bool


async def are_kept(store: Store, project: str) -> bool:
    """Return whether a project has any log records."""
    return bool(await store.query(_ANY, {"project": project}))


async def add_to(
    store: Store, project: str, session_id: str, turns: Sequence[Turn], place: Place
) -> None:
    """
    Give the turns of a page their log records, and those of the session's own that came before
    each of them.
    """
    if not turns:
        return
    first, last = turns[0].start_ns, turns[-1].start_ns
    end = max(turn.end_ns for turn in turns)
    since = first - _DAY_NS if place.after_ns is None else place.after_ns
    until = end + _DAY_NS if place.is_last else last
    if not place.is_whole:
        since = until = first
    parameters = {
        "project": project,
        "session": session_id,
        "traces": [turn.trace_id for turn in turns],
        "since": since,
        "until": until,
        "from": min(since, first - _HOUR_NS),
        "to": max(until, end + _HOUR_NS),
        "logs": LOGS_MAX,
    }
    own: list[LogRecord] = []
    by_id = {turn.trace_id: turn for turn in turns}
    for *columns, trace_id, count in await store.query(_OF_TURNS, parameters):
        record = LogRecord(**fields(LOG, columns))
        if turn := by_id.get(trace_id):
            turn.logs.append(record)
            turn.log_count = count
        else:
            own.append(record)
    starts = [turn.start_ns for turn in turns]
    for record in await _without_turns(store, project, session_id, own):
        following = bisect_right(starts, record.time_ns)
        if following < len(turns):
            turns[following].logs_before.append(record)
        else:
            turns[-1].logs_after.append(record)


async def _without_turns(
    store: Store, project: str, session_id: str, own: Sequence[LogRecord]
) -> list[LogRecord]:
    """Return the records that stand in no other turn of the session."""
    traces = sorted({record.trace_id for record in own if record.trace_id})
    if not traces:
        return list(own)
    parameters = {"project": project, "session": session_id, "traces": traces}
    elsewhere = {trace_id for (trace_id,) in await store.query(_ELSEWHERE, parameters)}
    return [record for record in own if record.trace_id not in elsewhere]


class Time(NamedTuple):
    """When a trace ran."""

    start_ns: int
    end_ns: int


_TIME = """
SELECT toUnixTimestamp64Nano(min(Start)), toUnixTimestamp64Nano(max(End)), count()
FROM otel_traces_trace_id_ts
WHERE Project = {project:String} AND TraceId = {trace:String}
"""


async def time_of(store: Store, project: str, trace_id: str) -> Time:
    """
    Return when a trace ran.

    Raises:
        NotFound: the project has no such trace.
    """
    [[start_ns, end_ns, rows]] = await store.query(_TIME, {"project": project, "trace": trace_id})
    if not rows:
        raise NotFound("there is no such trace in this project")
    return Time(start_ns, end_ns)


async def of_trace(
    store: Store, project: str, trace_id: str, ran: Time, *, logs_max: int
) -> list[LogRecord]:
    """Return the first log records of a trace, as replays show them."""
    parameters = _parameters(project, trace_id, ran, None, logs_max)
    rows = await store.query(_LIGHT_OF_TRACE, parameters)
    return [LogRecord(**fields(LOG, row)) for row in rows]


async def whole_of_trace(
    store: Store, project: str, trace_id: str, ran: Time, *, after: LogKey | None, logs_max: int
) -> list[WholeLogRecord]:
    """Return log records of a trace with all there is, after a record if one is given."""
    parameters = _parameters(project, trace_id, ran, after, logs_max)
    rows = await store.query(_WHOLE_OF_TRACE, parameters)
    return [WholeLogRecord(**fields(WHOLE_LOG, row)) for row in rows]


async def of_session(
    store: Store,
    project: str,
    session_id: str,
    trace_id: str,
    *,
    after: LogKey | None,
    logs_max: int,
) -> list[WholeLogRecord]:
    """
    Return log records of a session in one of its traces, or in none of them where `trace_id` is
    empty; after a record if one is given.
    """
    key = after or _BEFORE_ALL
    parameters = {
        "project": project,
        "session": session_id,
        "trace": trace_id,
        "after": key.time_ns,
        "after_hash": key.hash,
        "logs": logs_max,
    }
    rows = await store.query(_OF_SESSION % (_IN_TRACE if trace_id else _IN_NONE), parameters)
    return [WholeLogRecord(**fields(WHOLE_LOG, row)) for row in rows]


async def traces_with_logs(
    store: Store, project: str, session_id: str, traces: Iterable[str]
) -> frozenset[str]:
    """Return which of a session's traces have log records."""
    parameters = {"project": project, "session": session_id, "traces": list(traces)}
    rows = await store.query(_WITH_LOGS, parameters)
    return frozenset(trace_id for (trace_id,) in rows)


def _parameters(
    project: str, trace_id: str, ran: Time, after: LogKey | None, logs_max: int
) -> Mapping[str, Any]:
    key = after or _BEFORE_ALL
    return {
        "project": project,
        "trace": trace_id,
        "from": ran.start_ns - _HOUR_NS,
        "to": ran.end_ns + _HOUR_NS,
        "after": key.time_ns,
        "after_hash": key.hash,
        "logs": logs_max,
    }
