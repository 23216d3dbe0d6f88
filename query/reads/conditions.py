"""The filters of the session list as conditions of a SELECT on sessions_data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from query.filters import ScoreCondition, SessionFilters
from query.reads.models import nanoseconds

Condition = tuple[str, Mapping[str, Any]]

# The lists are read from the table itself: a view costs a tenth of them to be planned.
DURATION = "toUInt64(toUnixTimestamp64Nano(EndTime) - toUnixTimestamp64Nano(StartTime))"
COST = "toFloat64(Cost)"

_TEXT = "positionCaseInsensitiveUTF8({column}, {{q:String}}) > 0"
# Scores and comments on a trace belong to the session that the trace is in now.
_SESSIONS_OF = """
SessionId IN (
    WITH marked AS (SELECT SessionId, TraceId FROM {view} WHERE Project = {{project:String}}{where})
    SELECT SessionId FROM marked WHERE SessionId != ''
    UNION ALL
    SELECT SessionId FROM session_traces
    WHERE Project = {{project:String}} AND (SessionId, TraceId) IN (
        SELECT SessionId, TraceId FROM trace_sessions
        WHERE Project = {{project:String}}
            AND TraceId IN (SELECT TraceId FROM marked WHERE TraceId != '')
    )
)
"""


def conditions(filters: SessionFilters) -> Iterator[Condition]:
    """Yield what must hold, each with the parameters it names. `project` is the caller's."""
    yield from _times(filters)
    yield from _sets(filters)
    yield from _amounts(filters)
    yield from _marks(filters)
    if filters.q:
        columns = ("SessionId", "FirstInput", "LastOutput")
        yield f"({' OR '.join(_TEXT.format(column=c) for c in columns)})", {"q": filters.q}
    if filters.errors is not None:
        yield "ErrorCount > 0" if filters.errors else "ErrorCount = 0", {}


def _times(filters: SessionFilters) -> Iterator[Condition]:
    if since := filters.active_since:
        yield "toUnixTimestamp64Nano(EndTime) >= {since:Int64}", {"since": nanoseconds(since)}
    if filters.to:
        yield "toUnixTimestamp64Nano(StartTime) < {to:Int64}", {"to": nanoseconds(filters.to)}


def _sets(filters: SessionFilters) -> Iterator[Condition]:
    for column, name in (
        ("UserIds", "user"),
        ("Environments", "environment"),
        ("Tags", "tag"),
        ("Models", "model"),
        ("Services", "service"),
    ):
        if wanted := getattr(filters, name):
            yield f"hasAny({column}, {{{name}:Array(String)}})", {name: wanted}
    if filters.status:
        yield "Status IN {status:Array(String)}", {"status": filters.status}


def _amounts(filters: SessionFilters) -> Iterator[Condition]:
    for column, name, kind, scale in (
        (DURATION, "duration", "Float64", 1e9),
        ("TraceCount", "traces", "UInt64", 1),
        ("TotalTokens", "tokens", "UInt64", 1),
        (COST, "cost", "Float64", 1),
    ):
        for bound, operator in (("min", ">="), ("max", "<=")):
            parameter = f"{name}_{bound}"
            amount = getattr(filters, parameter)
            if amount is not None:
                yield f"{column} {operator} {{{parameter}:{kind}}}", {parameter: amount * scale}


def _marks(filters: SessionFilters) -> Iterator[Condition]:
    if filters.bookmarked is not None:
        bookmarked = (
            "SessionId IN (SELECT SessionId FROM bookmarks WHERE Project = {project:String})"
        )
        yield bookmarked if filters.bookmarked else f"NOT {bookmarked}", {}
    if filters.comment:
        found = " AND positionCaseInsensitiveUTF8(Text, {comment:String}) > 0"
        yield _SESSIONS_OF.format(view="comments", where=found), {"comment": filters.comment}
    if filters.commented is not None:
        commented = _SESSIONS_OF.format(view="comments", where="")
        yield commented if filters.commented else f"NOT {commented}", {}
    for number, score in enumerate(filters.scores):
        yield _score(score, f"score{number}")


def _score(condition: ScoreCondition, parameter: str) -> Condition:
    name = f"{parameter}_name"
    where = f" AND Name = {{{name}:String}}"
    parameters: dict[str, Any] = {name: condition.name}
    if condition.operator:
        number = condition.number
        column, kind = ("StringValue", "String") if number is None else ("Value", "Float64")
        where += f" AND {column} {condition.operator} {{{parameter}:{kind}}}"
        parameters[parameter] = condition.value if number is None else number
    return _SESSIONS_OF.format(view="scores", where=where), parameters
