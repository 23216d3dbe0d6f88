"""Deleting sessions and traces over HTTP."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from query.access.guard import Admin
from query.services import Shared
from schemas.erasing import Erased, Erasing

router = APIRouter(prefix="/api/v1", tags=["deletions"])


@router.delete("/sessions")
async def delete_session(
    session_id: Annotated[str, Query(min_length=1, description="The session's id.")],
    access: Admin,
    services: Shared,
) -> Erased:
    """
    Delete a session for good, with its traces, their logs, scores, comments, bookmark and public
    links: all that was received until now. What is received later starts it again. Log records may
    name a session that has no spans: they are deleted just so.
    """
    erasing = Erasing(services.store)
    return await erasing.delete_session(access.project, session_id, author=access.who)


@router.delete("/traces")
async def delete_trace(
    trace_id: Annotated[str, Query(min_length=1, description="32 hex digits.")],
    access: Admin,
    services: Shared,
) -> Erased:
    """Delete a trace for good, as sessions are; a session that it leaves empty goes as well."""
    erasing = Erasing(services.store)
    return await erasing.delete_trace(access.project, trace_id, author=access.who)
