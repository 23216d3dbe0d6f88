"""The SQL of traces: what each of them says, from all its spans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from query.langfuse.bounds import BOUNDED
from query.reads.columns import INPUT, OUTPUT
from schemas.statements import with_attribute_values
from store.client import Store


class TraceRow(NamedTuple):
    """A trace. Times are Unix nanoseconds; input and output are whole."""

    trace_id: str
    session_id: str
    name: str
    start_ns: int
    end_ns: int
    user_id: str
    environment: str
    release: str
    version: str
    tags: Sequence[str]
    cost: float
    input: str
    output: str
    metadata: Sequence[Mapping[str, str]]
    is_public: bool
    span_ids: Sequence[str]


# Where the spans of the `wanted` traces stand: the key of the spans begins with project and hour.
PLACES = """
    places AS (
        SELECT DISTINCT arrayJoin(Hours) AS Hour, TraceId
        FROM otel_traces_trace_id_ts
        WHERE Project = {project:String} AND TraceId IN wanted
    )"""

# Which session each of the `wanted` traces belongs to.
SESSIONS_OF_TRACES = """
    belongs AS (
        SELECT TraceId, SessionId FROM session_traces
        WHERE Project = {project:String} AND TraceId IN wanted AND SessionId IN (
            SELECT SessionId FROM trace_sessions
            WHERE Project = {project:String} AND TraceId IN wanted)
    )"""


def _traces(wanted: str) -> str:
    return with_attribute_values(f""",
    wanted AS ({wanted}),{PLACES},{SESSIONS_OF_TRACES},
    (ParentSpanId != '', Timestamp, SpanId) AS from_the_root,
    (ParentSpanId = '', Timestamp + toIntervalNanosecond(Duration), SpanId) AS to_the_root
SELECT TraceId, belongs.SessionId, traces.* EXCEPT (TraceId)
FROM
(
    SELECT
        TraceId,
        argMin(if(TraceName != '', TraceName, Name), (TraceName = '', from_the_root)),
        toUnixTimestamp64Nano(min(Timestamp)) AS Start,
        toUnixTimestamp64Nano(max(Timestamp + toIntervalNanosecond(Duration))),
        argMinIf(UserId, from_the_root, UserId != ''),
        argMinIf(Environment, from_the_root, Environment != ''),
        argMinIf(Release, from_the_root, Release != ''),
        argMinIf(AppVersion, from_the_root, AppVersion != ''),
        arraySort(groupUniqArrayArray(Tags)),
        toFloat64(sum(toDecimal128(Cost, 12))),
        argMinIf({INPUT}, from_the_root, InputPreview != ''),
        argMaxIf({OUTPUT}, to_the_root, OutputPreview != ''),
        arrayMap(told -> told.3, arraySort(
            told -> (told.1, told.2),
            groupArrayIf((Timestamp, SpanId, TraceMetadata), notEmpty(TraceMetadata)))),
        max('true' IN (SpanAttributes['langfuse.trace.public'], SpanAttributes['langfuse.public'])),
        arraySort(groupArray(SpanId))
    FROM
    (
        SELECT *, mapFilter((k, v) -> startsWith(k, 'langfuse.trace.metadata'), SpanAttributes)
            AS TraceMetadata
        FROM spans
        WHERE Project = {{project:String}} AND (toStartOfHour(Timestamp), TraceId) IN places
    )
    GROUP BY TraceId
) AS traces
LEFT JOIN belongs ON belongs.TraceId = traces.TraceId
ORDER BY Start DESC, TraceId
{BOUNDED}
""")


_BY_ID = _traces("SELECT arrayJoin({trace_ids:Array(String)})")
_OF_SESSION = _traces(
    "SELECT TraceId FROM session_traces"
    " WHERE Project = {project:String} AND SessionId = {session_id:String}"
)


async def by_id(store: Store, *, project: str, trace_ids: Sequence[str]) -> list[TraceRow]:
    """
    Return those of a few traces that are there, the latest first.

    Raises:
        StoreRefused: they are more than fits one answer (bounds.answerable).
    """
    parameters = {"project": project, "trace_ids": trace_ids}
    return [TraceRow(*row) for row in await store.query(_BY_ID, parameters)]


async def of_session(store: Store, *, project: str, session_id: str) -> list[TraceRow]:
    """
    Return the traces of a session, the latest first.

    Raises:
        StoreRefused: they are more than fits one answer (bounds.answerable).
    """
    parameters = {"project": project, "session_id": session_id}
    return [TraceRow(*row) for row in await store.query(_OF_SESSION, parameters)]
