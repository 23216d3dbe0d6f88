"""The API's description for people: Swagger UI from its own files, as the pages load no others."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from query.pages.rendering import page

router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def show_docs(request: Request) -> Response:
    """Show what the API can do; it can be tried there as well."""
    return page(request, "docs.html")
