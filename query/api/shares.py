"""Public links over HTTP: made, listed and revoked. What they open is a page."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from query.access.guard import Editor, Viewer
from query.marks.shares import NewShare, Share, Shares
from query.reads.models import Page
from query.services import Shared

router = APIRouter(prefix="/api/v1", tags=["public links"])


async def _shares(services: Shared) -> Shares:
    return Shares(services.store)


AllShares = Annotated[Shares, Depends(_shares)]
SessionId = Annotated[str, Query(alias="id", min_length=1, description="The session's id.")]


class Published(Share):
    """A public link, with where it leads. Only whoever makes it is told."""

    path: str


@router.post("/session/shares", status_code=201)
async def publish(
    session_id: SessionId, access: Editor, shares: AllShares, new: NewShare | None = None
) -> Published:
    """Make a public link of a session: whoever has it can read that session without a log-in."""
    share, token = await shares.publish(access, session_id, new or NewShare())
    return Published(**dict(share), path=f"/shared/{token}")


@router.get("/session/shares")
async def list_shares(session_id: SessionId, access: Viewer, shares: AllShares) -> Page[Share]:
    """Return the public links of a session, the latest first; where they lead is not told again."""
    return Page(data=await shares.of_session(access.project, session_id))


@router.delete("/shares/{share_id}", status_code=204)
async def revoke_share(share_id: str, access: Editor, shares: AllShares) -> None:
    """Let a public link open nothing from now on."""
    await shares.revoke(access, share_id)
