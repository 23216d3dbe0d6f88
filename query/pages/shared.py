"""What a public link opens: one session, read-only, for anybody who has the link, and no more."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from query.marks.shares import Shares
from query.pages.rendering import large_page, link
from query.pages.session import TURNS, Ended, Number, conversation, following
from query.reads import replay, sessions
from query.services import Shared
from runtime.errors import NotFound

router = APIRouter(include_in_schema=False)


@router.get("/shared/{token}")
async def show_shared(
    *,
    request: Request,
    token: str,
    services: Shared,
    cursor: str = "",
    turn: Number = 1,
    ended: Ended = 0,
) -> Response:
    """Show the session of a public link. Open to everybody: the token is the right to read."""
    share = await Shares(services.store).find(token)
    if share is None:
        # The same words for links that never were: nobody learns of those that expired.
        raise NotFound("this link opens nothing: it may have expired or been revoked")
    store, project, session_id = services.store, share.project, share.session_id
    before = replay.Before(cursor, turn - 1, ended)
    found, turns = await asyncio.gather(
        sessions.one(store, project, session_id),
        replay.page(store, project, session_id, after=cursor, limit=TURNS),
    )
    response = await large_page(
        request,
        "shared.html",
        **conversation(turns, before),
        session=found,
        next_page=link(f"/shared/{token}", **following(turns, before)) if turns.next else "",
        scores_of={},
        errors=False,
        q="",
        shared=True,
        hides_content=share.hides_content,
    )
    response.headers["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    return response
