"""What the pipeline made of what a program sent: a session, its traces, and its replay."""

from __future__ import annotations

from typing import Any

import httpx

from tests import processes

_SESSION = """
SELECT TraceCount AS traces, SpanCount AS spans, ErrorCount AS errors,
    GenerationCount AS generations, InputTokens AS input_tokens, OutputTokens AS output_tokens,
    TotalTokens AS total_tokens, Cost AS cost, UserIds AS users, Models AS models, Tags AS tags,
    Services AS services, Environments AS environments, FirstInput AS input, LastOutput AS output
FROM sessions WHERE SessionId = {id:String}
"""
_TRACES = """
SELECT TraceId AS id, Name AS name, SpanCount AS spans, ErrorCount AS errors,
    TotalTokens AS total_tokens, Cost AS cost, UserId AS user, Input AS input, Output AS output,
    SessionIdKey AS key
FROM session_traces WHERE SessionId = {id:String} ORDER BY StartTime
"""
_SPANS = """
SELECT SpanName AS name, Type AS type, StatusMessage AS message, Model AS model,
    InputTokens AS input_tokens, OutputTokens AS output_tokens, Cost AS cost,
    Input AS input, Output AS output
FROM session_replay(project='default', session_id={id:String})
"""

Row = dict[str, Any]


def session(running: processes.Pipeline, session_id: str) -> Row:
    """Return the figures of a session."""
    [found] = _rows(running, _SESSION, session_id)
    return found


def traces(running: processes.Pipeline, session_id: str) -> list[Row]:
    """Return the traces of a session, by their start."""
    return _rows(running, _TRACES, session_id)


def spans(running: processes.Pipeline, session_id: str, name: str = "") -> list[Row]:
    """Return the spans of a session, or those of a name, in the order of the replay."""
    rows = _rows(running, _SPANS, session_id)
    return [row for row in rows if name in ("", row["name"])]


def names_types(running: processes.Pipeline, session_id: str) -> list[tuple[str, str]]:
    """Return name and type of each span of a session, in the order of the replay."""
    return [(row["name"], row["type"]) for row in spans(running, session_id)]


def replayed(running: processes.Pipeline, session_id: str) -> list[tuple[str, list[str]]]:
    """Return the turns of a session as the API replays them: their names, and their spans'."""
    with httpx.Client(base_url=running.pages, timeout=30) as client:
        answer = client.get("/api/v1/session/replay", params={"id": session_id}).json()
    return [(turn["name"], [span["name"] for span in turn["spans"]]) for turn in answer["data"]]


def _rows(running: processes.Pipeline, statement: str, session_id: str) -> list[Row]:
    """Return rows, once all that was sent is stored."""
    processes.wait_until(running.is_drained, what="nothing waits in the log")
    return running.store.rows(statement, {"id": session_id})
