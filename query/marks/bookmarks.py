"""Bookmarks: sessions that somebody wants to find again. All of a project share them."""

from __future__ import annotations

from pydantic import BaseModel, Field

from query.access.guard import Access
from query.marks import rows
from query.reads.models import Time, rfc3339
from store.client import Store

_NEWEST = """
SELECT Author, toUnixTimestamp64Nano(Version), IsDeleted FROM bookmarks_data
WHERE Project = {project:String} AND SessionId = {session_id:String}
ORDER BY Version DESC LIMIT 1
"""


class Bookmark(BaseModel):
    """That a session is bookmarked: by whom, and since when."""

    session_id: str
    author: str
    at_ns: Time = Field(serialization_alias="at")


class Bookmarks:
    """The bookmarks of all projects. All methods raise StoreUnavailable when the store is away."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def set(self, access: Access, session_id: str) -> Bookmark:
        """
        Bookmark a session. One that is bookmarked already stays as it is.

        Raises:
            NotFound: there is no such session in the project.
        """
        newest = await self._newest(access.project, session_id)
        if newest and not newest[1]:
            return newest[0]
        await rows.check_session(self._store, access.project, session_id)
        return await self._append(access, session_id, newest, is_deleted=False)

    async def remove(self, access: Access, session_id: str) -> None:
        """Take the bookmark off a session, if there is one, whoever put it there."""
        newest = await self._newest(access.project, session_id)
        if newest and not newest[1]:
            await self._append(access, session_id, newest, is_deleted=True)

    async def of_session(self, project: str, session_id: str) -> Bookmark | None:
        """Return the bookmark of a session, if there is one."""
        newest = await self._newest(project, session_id)
        return newest[0] if newest and not newest[1] else None

    async def _newest(self, project: str, session_id: str) -> tuple[Bookmark, bool] | None:
        """Return what was last set, and whether it was taken off."""
        found = await self._store.query(_NEWEST, {"project": project, "session_id": session_id})
        if not found:
            return None
        [(author, at_ns, is_deleted)] = found
        return Bookmark(session_id=session_id, author=author, at_ns=at_ns), bool(is_deleted)

    async def _append(
        self,
        access: Access,
        session_id: str,
        newest: tuple[Bookmark, bool] | None,
        *,
        is_deleted: bool,
    ) -> Bookmark:
        at_ns = await rows.clock(self._store)
        if newest:  # the new one is the newer, even where the clock was set back
            at_ns = max(at_ns, newest[0].at_ns + 1)
        row = {
            "Project": access.project,
            "SessionId": session_id,
            "Author": access.who,
            "Version": rfc3339(at_ns),
            "IsDeleted": is_deleted,
        }
        await rows.insert(self._store, "bookmarks_data", row)
        return Bookmark(session_id=session_id, author=access.who, at_ns=at_ns)
