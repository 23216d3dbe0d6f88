"""Our rows in Langfuse's words: sessions, and traces. Observations: observation_shapes.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from query.langfuse.trace_rows import TraceRow
from query.langfuse.values import json_or_text, under
from query.reads.models import rfc3339


def session(project: str, session_id: str, start_ns: int, environment: str) -> dict[str, Any]:
    """Return a Session. It was created when its first span began."""
    return {
        "id": session_id,
        "createdAt": rfc3339(start_ns),
        "projectId": project,
        "environment": environment,
    }


def trace(project: str, row: TraceRow) -> dict[str, Any]:
    """Return a Trace."""
    told = (item for attributes in row.metadata for item in attributes.items())
    return {
        "id": row.trace_id,
        "projectId": project,
        "timestamp": rfc3339(row.start_ns),
        "name": row.name,
        "input": json_or_text(row.input),
        "output": json_or_text(row.output),
        "sessionId": row.session_id or None,
        "release": row.release or None,
        "version": row.version or None,
        "userId": row.user_id or None,
        "metadata": under("langfuse.trace.metadata", told),
        "tags": row.tags,
        "public": bool(row.is_public),
        "environment": row.environment,
    }


def trace_with_details(
    project: str, row: TraceRow, *, observations: Sequence[Any], scores: Sequence[Any]
) -> dict[str, Any]:
    """Return a trace with its figures, its observations and its scores: whole, or their ids."""
    page = urlencode({"id": row.trace_id, "project": project})
    return {
        **trace(project, row),
        "htmlPath": f"/trace?{page}",
        "latency": (row.end_ns - row.start_ns) / 1e9,
        "totalCost": row.cost,
        "observations": observations,
        "scores": scores,
    }
