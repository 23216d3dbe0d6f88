"""Langfuse's /sessions: a page of them, and one with its traces."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.responses import Response

from query.access.guard import Viewer
from query.langfuse import shapes, trace_rows
from query.langfuse.bounds import answerable
from query.langfuse.paging import Timed
from query.services import Shared
from query.wire import Json
from runtime.errors import NotFound

router = APIRouter(prefix="/api/public")


class _AnyText(PathConvertor):
    """What a session's id may be: Starlette's own convertor ends at a line's end."""

    regex = r"[\s\S]+"


register_url_convertor("any_text", _AnyText())

_LISTED = """
FROM sessions
WHERE Project = {project:String}
    AND StartTime >= fromUnixTimestamp64Nano({from_ns:Int64}, 'UTC')
    AND StartTime < fromUnixTimestamp64Nano({to_ns:Int64}, 'UTC')
    AND (empty({environments:Array(String)}) OR hasAny(Environments, {environments:Array(String)}))
"""
_COUNT = f"SELECT count() {_LISTED}"
_SESSION = "SELECT SessionId, toUnixTimestamp64Nano(StartTime), Environments[1]"
_PAGE = f"""
{_SESSION} {_LISTED}
ORDER BY StartTime DESC, SessionId
LIMIT {{limit:UInt32}} OFFSET {{offset:UInt32}}
"""
_ONE = f"{_SESSION} FROM sessions WHERE Project = {{project:String}} AND SessionId = {{id:String}}"


class SessionsAsked(Timed):
    """Which sessions: those that began in a span of time, in one of some environments."""

    environment: list[str] = Field(default_factory=list)


@router.get("/sessions")
async def sessions(
    asked: Annotated[SessionsAsked, Query()], access: Viewer, services: Shared
) -> Response:
    """Return a page of sessions, the latest first."""
    parameters = {
        "project": access.project,
        "environments": asked.environment,
        "limit": asked.limit,
        "offset": asked.offset,
        **asked.bounds(),
    }
    rows, [[total]] = await asyncio.gather(
        services.store.query(_PAGE, parameters), services.store.query(_COUNT, parameters)
    )
    data = [shapes.session(access.project, *row) for row in rows]
    return Json(asked.of(data, total=total))


@router.get("/sessions/{session_id:any_text}")
async def session(session_id: str, access: Viewer, services: Shared) -> Response:
    """Return a session with all its traces, the earliest first."""
    project = access.project
    found = await services.store.query(_ONE, {"project": project, "id": session_id})
    if not found:
        raise NotFound(f"there is no session '{session_id}' in project '{project}'")
    with answerable("page through /api/public/traces?sessionId=…"):
        rows = await trace_rows.of_session(services.store, project=project, session_id=session_id)
    traces = [shapes.trace(project, row) for row in reversed(rows)]
    return Json({**shapes.session(project, *found[0]), "traces": traces})
