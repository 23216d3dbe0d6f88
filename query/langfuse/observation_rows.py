"""The SQL of observations, as Langfuse calls spans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from query.langfuse.bounds import BOUNDED
from query.langfuse.trace_rows import PLACES, SESSIONS_OF_TRACES
from query.reads.columns import WHOLE_SPAN, fields, select
from query.reads.models import WholeSpan
from query.reads.spans import ORDER
from schemas.statements import with_attribute_values
from store.client import Store


class Observation(NamedTuple):
    """A span, and the session of its trace."""

    span: WholeSpan
    session_id: str


def _observations(*tables: str, which: str, order: str) -> str:
    return with_attribute_values(f""",
    {",".join(tables)}
SELECT spans_found.*, belongs.SessionId
FROM
(
    SELECT {select(WHOLE_SPAN)}
    FROM spans
    WHERE Project = {{project:String}} AND {which}
    ORDER BY {order}
) AS spans_found
LEFT JOIN belongs ON belongs.TraceId = spans_found.TraceId
{BOUNDED}
""")


_LATEST_FIRST = "Timestamp DESC, TraceId DESC, SpanId DESC"
_IN_PLACES = "(toStartOfHour(Timestamp), TraceId) IN places"
_THE_TRACE = "wanted AS (SELECT {trace_id:String})"
_THE_SESSION = (
    "wanted AS (SELECT TraceId FROM session_traces"
    " WHERE Project = {project:String} AND SessionId = {session_id:String})"
)
_OF_TRACE = _observations(
    _THE_TRACE,
    PLACES,
    SESSIONS_OF_TRACES,
    which=_IN_PLACES,
    order=ORDER,
)


async def of_trace(store: Store, *, project: str, trace_id: str) -> list[Observation]:
    """
    Return the spans of a trace in the order in which they began.

    Raises:
        StoreRefused: they are more than fits one answer (bounds.answerable).
    """
    parameters = {"project": project, "trace_id": trace_id}
    return await _read(store, _OF_TRACE, parameters)


async def _read(store: Store, statement: str, parameters: Mapping[str, Any]) -> list[Observation]:
    return [
        Observation(WholeSpan(**fields(WHOLE_SPAN, row)), session_id=row[-1])
        for row in await store.query(statement, parameters)
    ]


# By the name of a filter.
_CONDITIONS = {
    "session_id": _IN_PLACES,
    "trace_id": f"TraceId = {{trace_id:String}} AND {_IN_PLACES}",
    "name": "Name = {name:String}",
    "user_id": "UserId = {user_id:String}",
    "type": "Type = lower({type:String})",
    "level": "Level = {level:String}",
    "parent_observation_id": "ParentSpanId = {parent_observation_id:String}",
    "is_root_observation": "(ParentSpanId = '') = {is_root_observation:Bool}",
    "environment": "has({environment:Array(String)}, Environment)",
    "version": "AppVersion = {version:String}",
    "from_ns": "Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}, 'UTC')",
    "to_ns": "Timestamp < fromUnixTimestamp64Nano({to_ns:Int64}, 'UTC')",
    "after": "(toUnixTimestamp64Nano(Timestamp), TraceId, SpanId)"
    " < ({after_ns:Int64}, {after_trace:String}, {after_span:String})",
}


async def page(
    store: Store,
    *,
    project: str,
    filters: Mapping[str, Any],
    after: tuple[int, str, str] | None,
    limit: int,
) -> list[Observation]:
    """
    Return the latest spans that pass all `filters` (of _CONDITIONS), the latest first; with
    `after`, a start, trace and span, those that come after it.

    Raises:
        StoreRefused: they are more than fits one answer (bounds.answerable).
    """
    parameters = {"project": project, "limit": limit, **filters}
    if after:
        parameters |= dict(zip(("after_ns", "after_trace", "after_span"), after, strict=True))
    statement = _page([*filters, *(["after"] if after else [])])
    return await _read(store, statement, parameters)


def _page(filters: Sequence[str]) -> str:
    conditions = ["Project = {project:String}", *(_CONDITIONS[name] for name in filters)]
    # Found by few and narrow columns; the others are read for these spans alone.
    found = f"""
    found AS (
        SELECT toStartOfHour(Timestamp) AS Hour, TraceId, SpanId
        FROM spans
        WHERE {" AND ".join(conditions)}
        ORDER BY {_LATEST_FIRST}
        LIMIT {{limit:UInt32}}
    )"""
    if "session_id" in filters:
        tables = [_THE_SESSION, PLACES, found]
    elif "trace_id" in filters:
        tables = [_THE_TRACE, PLACES, found]
    else:
        tables = [found, "wanted AS (SELECT TraceId FROM found)"]
    return _observations(
        *tables,
        SESSIONS_OF_TRACES,
        which="(toStartOfHour(Timestamp), TraceId, SpanId) IN found",
        order=_LATEST_FIRST,
    )
