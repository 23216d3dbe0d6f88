"""
Public links: a session that anybody may read who has the link.

The link holds a token of 256 random bits. The store has its SHA-256 alone, so that whoever can read
the store cannot open a link.
"""

from __future__ import annotations

import hashlib
import secrets
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from query.access.guard import Access
from query.marks import rows
from query.reads.models import Time, nanoseconds, rfc3339
from runtime.errors import InvalidRequest, NotFound
from store.client import Store

SHARES_MAX = 1000

_COLUMNS = {
    "project": "Project",
    "session_id": "SessionId",
    "id": "ShareId",
    "author": "Author",
    "created_at_ns": "toUnixTimestamp64Nano(CreatedAt)",
    "expires_at_ns": "toUnixTimestamp64Nano(ExpiresAt)",
    "hides_content": "HidesContent",
    "revoked_at_ns": "toUnixTimestamp64Nano(RevokedAt)",
    "revoked_by": "RevokedBy",
    "token_hash": "TokenHash",
    "version_ns": "toUnixTimestamp64Nano(Version)",
}
_SELECT = f"SELECT {', '.join(_COLUMNS.values())} FROM shares_data FINAL WHERE "  # noqa: S608 - our own columns
_OPEN = (
    "TokenHash = {token_hash:String} AND RevokedAt IS NULL"
    " AND (ExpiresAt IS NULL OR ExpiresAt > now64(9, 'UTC'))"
)
_OF_SESSION = (
    "Project = {project:String} AND SessionId = {session_id:String}"
    f" ORDER BY CreatedAt DESC LIMIT {SHARES_MAX}"
)
_ONE = "Project = {project:String} AND ShareId = {id:String}"


class NewShare(BaseModel):
    """A link to be made."""

    model_config = ConfigDict(extra="forbid")

    expires_at: AwareDatetime | None = Field(
        default=None, description="From when on it opens nothing (RFC 3339); never, unless given."
    )
    hides_content: bool = Field(
        default=False, description="Whether inputs, outputs and attributes are left out."
    )


class Share(BaseModel):
    """A public link of a session. Its token is told once, when it is made."""

    model_config = ConfigDict(frozen=True)

    id: str
    project: str
    session_id: str
    author: str
    created_at_ns: Time = Field(serialization_alias="created_at")
    expires_at_ns: Time | None = Field(default=None, serialization_alias="expires_at")
    hides_content: bool
    revoked_at_ns: Time | None = Field(default=None, serialization_alias="revoked_at")
    revoked_by: str = ""
    token_hash: str = Field(exclude=True, repr=False)
    version_ns: int = Field(exclude=True)


class Shares:
    """The links of all projects. All methods raise StoreUnavailable when the store is away."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def publish(self, access: Access, session_id: str, new: NewShare) -> tuple[Share, str]:
        """
        Make a link, and return it with its token, which nobody can find out later.

        Raises:
            NotFound: there is no such session in the project.
            InvalidRequest: it would have expired already, or later than times can be told.
        """
        await rows.check_session(self._store, access.project, session_id)
        now_ns = await rows.clock(self._store)
        token = secrets.token_urlsafe(32)
        share = Share(
            id=uuid.uuid4().hex,
            project=access.project,
            session_id=session_id,
            author=access.who,
            created_at_ns=now_ns,
            expires_at_ns=_expiry(new, now_ns),
            hides_content=new.hides_content,
            token_hash=_hash(token),
            version_ns=now_ns,
        )
        await self._insert(share)
        return share, token

    async def find(self, token: str) -> Share | None:
        """Return the link that a token opens; None if it opens nothing, or nothing any more."""
        found = await self._shares(_OPEN, {"token_hash": _hash(token)})
        return found[0] if found else None

    async def of_session(self, project: str, session_id: str) -> list[Share]:
        """Return the links of a session, the last 1000, also those that open nothing any more."""
        return await self._shares(_OF_SESSION, {"project": project, "session_id": session_id})

    async def revoke(self, access: Access, share_id: str) -> None:
        """
        Let a link open nothing from now on. Every editor may, whoever made it.

        Raises:
            NotFound: there is no such link in the project.
        """
        found = await self._shares(_ONE, {"project": access.project, "id": share_id})
        if not found:
            raise NotFound(f"there is no public link '{share_id}'")
        [share] = found
        if share.revoked_at_ns is not None:
            return
        now_ns = max(await rows.clock(self._store), share.version_ns + 1)
        revoked = {"revoked_at_ns": now_ns, "revoked_by": access.who, "version_ns": now_ns}
        await self._insert(share.model_copy(update=revoked))

    async def _insert(self, share: Share) -> None:
        row = {
            "TokenHash": share.token_hash,
            "Project": share.project,
            "SessionId": share.session_id,
            "ShareId": share.id,
            "Author": share.author,
            "CreatedAt": rfc3339(share.created_at_ns),
            "ExpiresAt": _time(share.expires_at_ns),
            "HidesContent": share.hides_content,
            "RevokedAt": _time(share.revoked_at_ns),
            "RevokedBy": share.revoked_by,
            "Version": rfc3339(share.version_ns),
        }
        await rows.insert(self._store, "shares_data", row)

    async def _shares(self, where: str, parameters: Mapping[str, Any]) -> list[Share]:
        found: Sequence[tuple[Any, ...]] = await self._store.query(_SELECT + where, parameters)
        return [Share(**dict(zip(_COLUMNS, row, strict=True))) for row in found]


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="surrogatepass")).hexdigest()


def _time(time_ns: int | None) -> str | None:
    return None if time_ns is None else rfc3339(time_ns)


def _expiry(new: NewShare, now_ns: int) -> int | None:
    if new.expires_at is None:
        return None
    expires_ns = nanoseconds(new.expires_at)
    if expires_ns <= now_ns:
        raise InvalidRequest("expires_at: this time is over; give one to come")
    if expires_ns >= 2**63 - 1:
        raise InvalidRequest("expires_at: give a time before 2262, or none")
    return expires_ns
