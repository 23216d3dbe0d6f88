"""The views read back, in the words of tests/model.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from tests.model import Session, Trace

_SESSIONS = """
SELECT SessionId, toUnixTimestamp64Nano(StartTime), toUnixTimestamp64Nano(EndTime), Duration,
    TraceCount, SpanCount, ErrorCount, GenerationCount, InputTokens, OutputTokens, TotalTokens,
    Cost, UserIds, Services, Models, FirstInput, LastOutput,
    toUnixTimestamp64Nano(EndedAt)
FROM sessions WHERE Project = {project:String}
"""
_TRACES = """
SELECT t.SessionId, t.TraceId, t.Name, toUnixTimestamp64Nano(t.StartTime),
    toUnixTimestamp64Nano(t.EndTime), t.Duration, t.SpanCount, t.ErrorCount, t.GenerationCount,
    t.InputTokens, t.OutputTokens, t.TotalTokens, t.Cost, t.UserId, d.UserIds, d.Services, d.Models,
    t.Input, t.Output, t.SessionIdKey, t.OtherSessionIds
FROM session_traces AS t
JOIN (SELECT * FROM session_traces_data FINAL) AS d
    ON d.Project = t.Project AND d.SessionId = t.SessionId AND d.TraceId = t.TraceId
WHERE t.Project = {project:String}
"""
_REPLAY = """
SELECT SpanId FROM session_replay(project={project:String}, session_id={session_id:String})
"""


# Runs a SELECT with parameters.
Query = Callable[[str, Mapping[str, Any]], Sequence[tuple[Any, ...]]]


def sessions(query: Query, project: str) -> dict[str, Session]:
    """Return the sessions view of a project, by session id."""
    found = {}
    for row in query(_SESSIONS, {"project": project}):
        session_id, start_ns, end_ns, duration, *counts, cost, users, services, models = row[:15]
        assert duration == end_ns - start_ns
        found[session_id] = Session(
            session_id=session_id,
            start_ns=start_ns,
            end_ns=end_ns,
            **dict(zip(_COUNTS, counts, strict=True)),
            cost=_money(cost),
            user_ids=tuple(users),
            services=tuple(services),
            models=tuple(models),
            first_input=row[15],
            last_output=row[16],
            ended_at_ns=row[17],
        )
    return found


def traces(query: Query, project: str) -> dict[str, Trace]:
    """Return the session_traces view of a project, by trace id; a trace stands there once."""
    found: dict[str, Trace] = {}
    for row in query(_TRACES, {"project": project}):
        session_id, trace_id, name, start_ns, end_ns, duration, *counts = row[:12]
        assert duration == end_ns - start_ns
        assert trace_id not in found
        found[trace_id] = Trace(
            session_id=session_id,
            trace_id=trace_id,
            name=name,
            start_ns=start_ns,
            end_ns=end_ns,
            **dict(zip(_COUNTS[1:], counts, strict=True)),
            cost=_money(row[12]),
            user_id=row[13],
            user_ids=tuple(row[14]),
            services=tuple(row[15]),
            models=tuple(row[16]),
            input=row[17],
            output=row[18],
            session_id_key=row[19],
            other_session_ids=tuple(row[20]),
        )
    return found


def replay(query: Query, project: str, session_id: str) -> list[str]:
    """Return the span ids of a session, in the order in which the view gives them."""
    rows = query(_REPLAY, {"project": project, "session_id": session_id})
    return [span_id for (span_id,) in rows]


_COUNTS = (
    "trace_count",
    "span_count",
    "error_count",
    "generation_count",
    "input_tokens",
    "output_tokens",
    "total_tokens",
)


def _money(cost: float) -> Decimal:
    return Decimal(repr(cost)).quantize(Decimal("1e-9"))
