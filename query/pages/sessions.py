"""The page of all sessions."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from query.access.guard import Viewer
from query.filters import SessionList
from query.messages import messages, split
from query.pages import context
from query.pages.rendering import large_page, link
from query.reads import facets, sessions
from query.reads.models import Session
from query.services import Shared

PREVIEW_CHARACTERS = 160

router = APIRouter(include_in_schema=False)


@router.get("/")
async def root() -> Response:
    """Lead to the sessions."""
    return RedirectResponse("/sessions", status_code=307)


async def _wanted(request: Request) -> SessionList:
    """Return the filters in the URL. A form sends its empty fields along: those say nothing."""
    given: dict[str, Any] = {}
    lists = {name for name, f in SessionList.model_fields.items() if f.default == []}
    for name, value in request.query_params.multi_items():
        if not value or name == "refresh":
            continue
        if name in lists:
            given.setdefault(name, []).append(value)
        else:
            given[name] = value
    try:
        return SessionList(**given)
    except ValidationError as error:
        located = [{**e, "loc": ("query", *e["loc"])} for e in error.errors()]
        raise RequestValidationError(located) from error


@router.get("/sessions")
async def list_sessions(
    request: Request,
    wanted: Annotated[SessionList, Depends(_wanted)],
    access: Viewer,
    projects: context.Projects,
    services: Shared,
) -> Response:
    """Show the sessions that match the filters."""
    found, known = await asyncio.gather(
        sessions.page(services.store, access.project, wanted),
        facets.of_project(services.store, access.project),
    )
    refresh = request.query_params.get("refresh", "")
    given = wanted.given()

    def with_(**changes: Any) -> str:
        kept = {k: v for k, v in given.items() if k != "cursor"} | {"refresh": refresh}
        return link("/sessions", **{**kept, "project": access.project, **changes})

    def export_link(form: str) -> str:
        kept = {k: v for k, v in given.items() if k not in ("cursor", "sort", "limit")}
        return link(
            "/api/v1/sessions/export", **{**kept, "project": access.project, "format": form}
        )

    active = list(_active(given, with_))
    return await large_page(
        request,
        "sessions.html",
        **context.of(access, projects),
        found=found,
        first_said={s.session_id: first_said(s) for s in found.data},
        wanted=wanted,
        given=given,
        facets=known,
        active=active,
        narrowed=len(active),
        refresh=refresh,
        with_=with_,
        export_link=export_link,
        otlp=services.config.ingest.grpc_url,
        base_url=str(request.base_url).rstrip("/"),
    )


def first_said(session: Session) -> str:
    """Return what the user said first, in short."""
    _, said = split(messages(session.first_input, role="user"))
    texts = [part.text for message in said for part in message.parts if part.kind == "text"]
    return " ".join((" ".join(texts) or session.first_input).split())[:PREVIEW_CHARACTERS]


def _active(given: dict[str, Any], with_: Any) -> Iterator[tuple[str, str]]:
    """Yield each filter in words, and the list without it."""
    words = {"q": "text", "since": "from"}
    for name, value in given.items():
        if name in ("sort", "cursor", "limit", "project"):
            continue
        label = words.get(name, name.replace("_", " "))
        for one in value if isinstance(value, list) else [value]:
            left = [v for v in value if v != one] if isinstance(value, list) else ""
            text = label if one is True else f"no {label}" if one is False else f"{label}: {one}"
            yield text, with_(**{name: left})
