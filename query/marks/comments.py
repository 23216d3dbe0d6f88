"""Comments: what people say of sessions, traces and spans."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from query.access.guard import Access
from query.marks import mark
from query.marks.ledger import Kind, Ledger
from query.marks.mark import Mark, MarkFilters, Subject
from query.reads.models import Page
from store.client import Store

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000)]


class NewComment(Subject):
    """A comment to be created."""

    text: Words


class CommentChange(BaseModel):
    """What a comment is to say instead."""

    model_config = ConfigDict(extra="forbid")

    text: Words


class Comment(Mark):
    """A comment, as one of its edits left it."""

    text: str


_KIND = Kind(noun="comment", model=Comment, columns={"id": "CommentId", "text": "Text"})


class Comments:
    """The comments of all projects. All methods raise StoreUnavailable when the store is away."""

    def __init__(self, store: Store) -> None:
        self._ledger = Ledger(store, _KIND)

    async def create(self, access: Access, new: NewComment) -> Comment:
        """Create a comment."""
        comment = Comment(id=uuid.uuid4().hex, author=access.who, **new.model_dump())
        return await self._ledger.append(access, comment, after=None)

    async def edit(self, access: Access, comment_id: str, change: CommentChange) -> Comment:
        """
        Let a comment say something else.

        Raises:
            NotFound: there is no such comment in the project.
            NotAllowed: it is somebody else's.
        """
        comment = await self._ledger.changeable(access, comment_id)
        changed = comment.model_copy(update={"text": change.text})
        return await self._ledger.append(access, changed, after=comment)

    async def delete(self, access: Access, comment_id: str) -> None:
        """
        Take a comment away; its edits stay.

        Raises:
            NotFound: there is no such comment in the project.
            NotAllowed: it is somebody else's.
        """
        await self._ledger.delete(access, comment_id)

    async def edits(self, project: str, comment_id: str) -> list[Comment]:
        """
        Return what each change made of a comment, in order, also of one that was deleted; the last
        1000 of them.

        Raises:
            NotFound: there never was such a comment in the project.
        """
        return await self._ledger.edits(project, comment_id)

    async def find(
        self, project: str, filters: MarkFilters, *, cursor: str = "", limit: int = 100
    ) -> Page[Comment]:
        """
        Return a page of comments, the latest first.

        Raises:
            InvalidRequest: the cursor belongs to another list.
        """
        return await self._ledger.find(project, filters.conditions(), cursor=cursor, limit=limit)

    async def of_session(self, project: str, session_id: str) -> list[Comment]:
        """
        Return the comments on a session and on the traces that are in it now, in the order in which
        they were made; the last 1000 of them.
        """
        return await self._ledger.all_of(project, mark.of_session(session_id))

    async def of_traces(self, project: str, trace_ids: Sequence[str]) -> list[Comment]:
        """Return the comments on these traces and their spans, as of_session() does."""
        return await self._ledger.all_of(project, mark.of_traces(trace_ids))
