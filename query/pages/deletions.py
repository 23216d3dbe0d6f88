"""What the forms that delete do: sessions and traces are gone, and the list is what is left."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form
from starlette.responses import RedirectResponse, Response

from query.access.guard import Access, Admin
from query.pages.rendering import link
from query.services import Shared
from schemas.erasing import Erasing

router = APIRouter(include_in_schema=False)

Id = Annotated[str, Form(alias="id", min_length=1)]


@router.post("/session/delete")
async def delete_session(session_id: Id, access: Admin, services: Shared) -> Response:
    """Delete a session for good."""
    erasing = Erasing(services.store)
    await erasing.delete_session(access.project, session_id, author=access.who)
    return _to_the_list(access)


@router.post("/trace/delete")
async def delete_trace(trace_id: Id, access: Admin, services: Shared) -> Response:
    """Delete a trace for good."""
    erasing = Erasing(services.store)
    await erasing.delete_trace(access.project, trace_id, author=access.who)
    return _to_the_list(access)


def _to_the_list(access: Access) -> Response:
    return RedirectResponse(link("/sessions", project=access.project), status_code=303)
