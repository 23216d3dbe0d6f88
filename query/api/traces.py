"""Traces and spans over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from query import cursor
from query.access.guard import Viewer
from query.reads import logs, replay, spans
from query.reads.models import Page, Span, WholeLogRecord, WholeSpan
from query.services import Shared

SPANS_MAX = 10_000
LOGS_MAX = 500

router = APIRouter(prefix="/api/v1", tags=["traces"])


class TraceTree(BaseModel):
    """A trace: its spans in the order of its tree, each with its depth."""

    trace_id: str
    spans: list[Span]
    is_whole: bool  # false where there are more spans than these


@router.get("/trace")
async def get_trace(
    trace_id: Annotated[str, Query(alias="id", min_length=1, description="32 hex digits.")],
    access: Viewer,
    services: Shared,
) -> TraceTree:
    """Return a trace as a tree, depth first; up to 10,000 spans."""
    found = await replay.whole_trace(
        services.store, access.project, trace_id, spans_max=SPANS_MAX + 1
    )
    return TraceTree(trace_id=trace_id, spans=found[:SPANS_MAX], is_whole=len(found) <= SPANS_MAX)


@router.get("/trace/logs")
async def get_logs(
    *,
    trace_id: Annotated[str, Query(alias="id", min_length=1, description="32 hex digits.")],
    access: Viewer,
    services: Shared,
    after: Annotated[
        str, Query(alias="cursor", description="Where to go on: `next` of the page before.")
    ] = "",
    limit: Annotated[int, Query(ge=1, le=LOGS_MAX, description="Log records on the page.")] = 100,
) -> Page[WholeLogRecord]:
    """Return log records of a trace, in time order, with everything that was sent."""
    store, project = services.store, access.project
    key = logs.LogKey(*cursor.decode(after, (int, int))) if after else None
    ran = await logs.time_of(store, project, trace_id)
    found = await logs.whole_of_trace(store, project, trace_id, ran, after=key, logs_max=limit + 1)
    if len(found) <= limit:
        return Page(data=found)
    last = found[limit - 1]
    return Page(data=found[:limit], next=cursor.encode(last.time_ns, last.content_hash))


@router.get("/span")
async def get_span(
    trace_id: Annotated[str, Query(alias="trace", min_length=1, description="32 hex digits.")],
    span_id: Annotated[str, Query(alias="id", min_length=1, description="16 hex digits.")],
    access: Viewer,
    services: Shared,
) -> WholeSpan:
    """Return a span with everything that was sent."""
    return await spans.whole(services.store, access.project, trace_id, span_id)
