"""Comments: what people say of sessions, traces and spans."""

from __future__ import annotations

import uuid
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from query.access.guard import Access
from query.marks.ledger import Kind, Ledger
from query.marks.mark import Mark, Subject
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


class Comments(Ledger[Comment]):
    """The comments of all projects."""

    def __init__(self, store: Store) -> None:
        super().__init__(store, _KIND)

    async def create(self, access: Access, new: NewComment) -> Comment:
        """Create a comment."""
        comment = Comment(id=uuid.uuid4().hex, author=access.who, **new.model_dump())
        return await self.append(access, comment, after=None)

    async def edit(self, access: Access, comment_id: str, change: CommentChange) -> Comment:
        """
        Let a comment say something else.

        Raises:
            NotFound: there is no such comment in the project.
            NotAllowed: it is somebody else's.
        """
        comment = await self.changeable(access, comment_id)
        changed = comment.model_copy(update={"text": change.text})
        return await self.append(access, changed, after=comment)
