"""Langfuse's /traces: a page of them, and one with its observations and scores."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.responses import Response

from query.access.guard import Viewer
from query.langfuse import (
    observation_rows,
    observation_shapes,
    score_rows,
    score_shapes,
    shapes,
    trace_rows,
)
from query.langfuse.bounds import answerable
from query.langfuse.paging import Timed
from query.services import Shared
from query.wire import Json
from runtime.errors import NotFound
from store.client import Store

router = APIRouter(prefix="/api/public")

_LISTED = """
SELECT TraceId, min(Start) AS FirstStart
FROM otel_traces_trace_id_ts
WHERE {conditions}
GROUP BY TraceId
HAVING FirstStart >= fromUnixTimestamp64Nano({{from_ns:Int64}}, 'UTC')
    AND FirstStart < fromUnixTimestamp64Nano({{to_ns:Int64}}, 'UTC')
"""
_PROJECT = "Project = {project:String}"
# Of spans, by the name of what is asked for. A trace is found by any one of its spans.
_CONDITIONS = {
    "name": "(TraceName = {name:String}"
    " OR (TraceName = '' AND ParentSpanId = '' AND Name = {name:String}))",
    "user_id": "UserId = {user_id:String}",
    "version": "AppVersion = {version:String}",
    "release": "Release = {release:String}",
    "environment": "has({environment:Array(String)}, Environment)",
    "tags": "hasAll(Tags, {tags:Array(String)})",
}


class TracesAsked(Timed):
    """Which traces: those that began in a span of time, and fit all that is given."""

    session_id: str | None = None
    name: str | None = None
    user_id: str | None = None
    version: str | None = None
    release: str | None = None
    environment: list[str] = Field(default_factory=list)
    tags: list[str] = Field(default_factory=list)

    def given(self) -> Mapping[str, Any]:
        """Return what is given, by name."""
        names = ("session_id", *_CONDITIONS)
        return {name: value for name in names if (value := getattr(self, name))}


@router.get("/traces")
async def traces(
    asked: Annotated[TracesAsked, Query()], access: Viewer, services: Shared
) -> Response:
    """Return a page of traces, the latest first, with the ids of their observations and scores."""
    store, project = services.store, access.project
    trace_ids, total = await _listed(store, project, asked)
    with answerable("ask for fewer traces at a time (limit)"):
        rows, scores = await asyncio.gather(
            trace_rows.by_id(store, project=project, trace_ids=trace_ids),
            score_rows.of_traces(store, project=project, trace_ids=trace_ids),
        )
    score_ids: dict[str, list[str]] = {}
    for score in scores:
        score_ids.setdefault(score.trace_id, []).append(score.score_id)
    data = [
        shapes.trace_with_details(
            project, row, observations=row.span_ids, scores=score_ids.get(row.trace_id, [])
        )
        for row in rows
    ]
    return Json(asked.of(data, total=total))


@router.get("/traces/{trace_id}")
async def trace(trace_id: str, access: Viewer, services: Shared) -> Response:
    """Return a trace with all its observations and scores."""
    store, project = services.store, access.project
    with answerable(f"page through /api/public/v2/observations?traceId={trace_id}"):
        rows, observations, scores = await asyncio.gather(
            trace_rows.by_id(store, project=project, trace_ids=[trace_id]),
            observation_rows.of_trace(store, project=project, trace_id=trace_id),
            score_rows.of_traces(store, project=project, trace_ids=[trace_id]),
        )
    if not rows:
        raise NotFound(f"there is no trace '{trace_id}' in project '{project}'")
    return Json(
        shapes.trace_with_details(
            project,
            rows[0],
            observations=[observation_shapes.view(project, row) for row in observations],
            scores=[score_shapes.score(score) for score in scores],
        )
    )


async def _listed(store: Store, project: str, asked: TracesAsked) -> tuple[Sequence[str], int]:
    """Return the ids of the page's traces, and how many traces there are."""
    given = asked.given()
    of_spans = [_CONDITIONS[name] for name in given if name in _CONDITIONS]
    conditions = [_PROJECT]
    if "session_id" in given:
        conditions.append(
            f"TraceId IN (SELECT TraceId FROM session_traces WHERE {_PROJECT}"
            " AND SessionId = {session_id:String})"
        )
    conditions += [
        f"TraceId IN (SELECT TraceId FROM spans WHERE {_PROJECT} AND {condition}"
        " AND Timestamp >= fromUnixTimestamp64Nano({from_ns:Int64}, 'UTC'))"
        for condition in of_spans
    ]
    listed = _LISTED.format(conditions=" AND ".join(conditions))
    parameters = {
        "project": project,
        "limit": asked.limit,
        "offset": asked.offset,
        **asked.bounds(),
        **given,
    }
    rows, [[total]] = await asyncio.gather(
        store.query(
            f"SELECT TraceId FROM ({listed}) ORDER BY FirstStart DESC, TraceId"
            " LIMIT {limit:UInt32} OFFSET {offset:UInt32}",
            parameters,
        ),
        store.query(f"SELECT count() FROM ({listed})", parameters),
    )
    return [row[0] for row in rows], total
