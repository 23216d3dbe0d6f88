"""Everything under Langfuse's paths."""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlencode

from fastapi import APIRouter
from starlette.responses import RedirectResponse, Response

from query.langfuse import ingestion, observations, otlp, project, scores, sessions, traces
from runtime.errors import NotFound

router = APIRouter(include_in_schema=False)


# SDKs make links to pages of the two.
@router.get("/project/{project}/{kind}s/{item:path}")
async def page(project: str, kind: Literal["trace", "session"], item: str) -> Response:
    """Lead to the page that shows the same here, which asks who is there."""
    return RedirectResponse(f"/{kind}?{urlencode({'id': item, 'project': project})}")


for part in (otlp, ingestion, project, sessions, traces, observations, scores):
    router.include_router(part.router)


@router.api_route("/api/public/{path:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
async def others(path: str) -> Response:
    """Say plainly that this part of Langfuse's API is not here."""
    raise NotFound(f"there is no /api/public/{path} here; docs/langfuse.md says what there is")
