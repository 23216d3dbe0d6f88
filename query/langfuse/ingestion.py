"""
Langfuse's /ingestion, by which its SDKs 3 and 4 send scores. What else once came this way comes by
OTLP now.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from query.access.guard import Access, Editor
from query.langfuse.body import check_count, read_json
from query.langfuse.scores import create
from query.services import Services, Shared
from query.wire import Json
from runtime.errors import InvalidRequest, NotAllowed, PermanentError

router = APIRouter(prefix="/api/public")


@router.post("/ingestion")
async def ingestion(request: Request, access: Editor, services: Shared) -> Response:
    """Take a batch of events; the answer says of each what became of it."""
    body = await read_json(request)
    batch = body.get("batch") if isinstance(body, dict) else None
    if not isinstance(batch, list):
        raise InvalidRequest('the body must be {"batch": […]}')
    check_count(batch)
    successes, errors = [], []
    for event in batch:
        event_id = str(event.get("id", "")) if isinstance(event, dict) else ""
        try:
            await _take(event, access, services)
            successes.append({"id": event_id, "status": 201})
        except PermanentError as error:
            status = 403 if isinstance(error, NotAllowed) else 400
            reason = {"message": str(error), "error": type(error).__name__}
            errors.append({"id": event_id, "status": status, **reason})
    return Json({"successes": successes, "errors": errors}, status_code=207)


async def _take(event: Any, access: Access, services: Services) -> None:
    kind = event.get("type") if isinstance(event, Mapping) else None
    if kind != "score-create":
        raise InvalidRequest(
            f"'{kind}' is not taken here, only score-create: send spans by OTLP to"
            " /api/public/otel/v1/traces, as Langfuse's SDKs do from version 3 on"
        )
    await create(event.get("body"), access, services)
