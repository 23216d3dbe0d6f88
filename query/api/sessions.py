"""Sessions over HTTP: the list, one of them, its replay in pages and as a stream, exports."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from starlette.responses import Response, StreamingResponse

from query import export
from query.access.guard import Editor, Viewer
from query.filters import SessionFilters, SessionList
from query.marks import ends
from query.reads import replay, sessions, stream
from query.reads.models import Page, Session, Turn
from query.services import Shared

TURNS_MAX = 100

router = APIRouter(prefix="/api/v1", tags=["sessions"])

SessionId = Annotated[str, Query(alias="id", min_length=1, description="The session's id.")]
Cursor = Annotated[str, Query(description="Where to go on: `next` of the page before.")]
Format = Literal["csv", "json", "jsonl"]


@router.get("/sessions")
async def list_sessions(
    wanted: Annotated[SessionList, Query()], access: Viewer, services: Shared
) -> Page[Session]:
    """Return a page of sessions, in any order, with any filters."""
    return await sessions.page(services.store, access.project, wanted)


class Exported(SessionFilters):
    """All sessions that match."""

    format: Format = "jsonl"


@router.get("/sessions/export", response_class=StreamingResponse)
async def export_sessions(
    wanted: Annotated[Exported, Query()], access: Viewer, services: Shared
) -> Response:
    """Return all sessions that match the filters, the latest first, as a file."""
    every = SessionList(**wanted.model_dump(exclude={"format"}, by_alias=True))
    rows = sessions.every(services.store, access.project, every)
    return await export.response(rows, wanted.format, name="sessions")


@router.get("/session")
async def get_session(session_id: SessionId, access: Viewer, services: Shared) -> Session:
    """Return a session's figures and marks."""
    return await sessions.one(services.store, access.project, session_id)


@router.post("/sessions/end")
async def end_session(
    session_id: Annotated[str, Query(min_length=1, description="The session's id.")],
    access: Editor,
    services: Shared,
) -> Session:
    """End a session, and return it. Spans that start later open it again."""
    await ends.end(services.store, access, session_id)
    return await sessions.one(services.store, access.project, session_id)


@router.get("/session/replay")
async def get_replay(
    *,
    session_id: SessionId,
    access: Viewer,
    services: Shared,
    cursor: Cursor = "",
    at: Annotated[str, Query(description="A trace's id, to begin with it, not at a cursor.")] = "",
    limit: Annotated[int, Query(ge=1, le=TURNS_MAX, description="Turns on the page.")] = 20,
    errors: Annotated[bool, Query(description="Only turns in which a span failed.")] = False,
    q: Annotated[str, Query(max_length=1000, description="Only turns that say this.")] = "",
) -> Page[Turn]:
    """
    Return a page of the replay: turns in time order, with what went in, what came out (as far as
    100,000 characters go) and up to 100 spans each.
    """
    store, project = services.store, access.project
    after = (await replay.before(store, project, session_id, at)).cursor if at else cursor
    return await replay.page(
        store, project, session_id, after=after, limit=limit, errors=errors, q=q
    )


@router.get("/session/replay/stream", response_class=StreamingResponse)
async def stream_replay(
    session_id: SessionId, access: Viewer, services: Shared, cursor: Cursor = ""
) -> Response:
    """
    Return the whole session as NDJSON: a line for each trace, followed by one for each of its
    spans with all its attributes. Each line has a `cursor`: a stream that broke off goes on after
    the last line that arrived.
    """
    lines = stream.lines(services.store, access.project, session_id, cursor)
    return await export.ndjson(lines)


@router.get("/session/export", response_class=StreamingResponse)
async def export_session(
    session_id: SessionId,
    access: Viewer,
    services: Shared,
    format: Annotated[Format, Query()] = "jsonl",  # noqa: A002 - its name in a URL
) -> Response:
    """Return the whole session as a file: JSON and JSONL with all spans, CSV with its traces."""
    lines = stream.lines(services.store, access.project, session_id, "")
    if format == "csv":
        traces = (line.trace async for line in lines if line.trace)
        return await export.response(traces, format, name="session")
    return await export.response(lines, format, name="session")
