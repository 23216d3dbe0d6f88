"""Marks over HTTP: bookmarks, scores and comments."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from query.access.guard import Editor, Viewer
from query.marks.bookmarks import Bookmark, Bookmarks
from query.marks.comments import Comment, CommentChange, Comments, NewComment
from query.marks.mark import MarkFilters
from query.marks.score import NewScore, Score, ScoreChange, ScoreFilters
from query.marks.scores import Scores
from query.reads.models import Page
from query.services import Shared
from runtime.config import ScoreDefinition

router = APIRouter(prefix="/api/v1", tags=["marks"])


async def _bookmarks(services: Shared) -> Bookmarks:
    return Bookmarks(services.store)


async def _scores(services: Shared) -> Scores:
    return Scores(services.store, services.config.query.score_definitions)


async def _comments(services: Shared) -> Comments:
    return Comments(services.store)


AllBookmarks = Annotated[Bookmarks, Depends(_bookmarks)]
AllScores = Annotated[Scores, Depends(_scores)]
AllComments = Annotated[Comments, Depends(_comments)]
SessionId = Annotated[str, Query(alias="id", min_length=1, description="The session's id.")]


class Paging(BaseModel):
    """Which page of a list."""

    project: str = Field(default="", description="The project, where one may see several.")
    cursor: str = Field(default="", max_length=10_000, description="`next` of the page before.")
    limit: int = Field(default=100, ge=1, le=500, description="Rows on the page.")


class ScoreList(ScoreFilters, Paging):
    """A page of the scores."""


class CommentList(MarkFilters, Paging):
    """A page of the comments."""


@router.put("/session/bookmark")
async def set_bookmark(session_id: SessionId, access: Editor, bookmarks: AllBookmarks) -> Bookmark:
    """Bookmark a session. One that is bookmarked already stays as it is."""
    return await bookmarks.set(access, session_id)


@router.delete("/session/bookmark", status_code=204)
async def remove_bookmark(session_id: SessionId, access: Editor, bookmarks: AllBookmarks) -> None:
    """Take the bookmark off a session, if there is one."""
    await bookmarks.remove(access, session_id)


@router.get("/score-definitions")
async def list_score_definitions(_: Viewer, services: Shared) -> Page[ScoreDefinition]:
    """Return what the scores of some names must be, as the settings say."""
    return Page(data=list(services.config.query.score_definitions))


@router.get("/scores")
async def list_scores(
    wanted: Annotated[ScoreList, Query()], access: Viewer, scores: AllScores
) -> Page[Score]:
    """Return a page of scores, the latest first, with any filters."""
    return await scores.find(access.project, wanted, cursor=wanted.cursor, limit=wanted.limit)


@router.post("/scores", status_code=201)
async def create_score(new: NewScore, access: Editor, scores: AllScores) -> Score:
    """
    Create a score on a session, a trace or a span, which need not be there yet. With the id of a
    score that is there, that one is replaced, so that a request can be repeated.
    """
    return await scores.create(access, new, source="API")


@router.patch("/scores/{score_id:path}")
async def edit_score(
    score_id: str, change: ScoreChange, access: Editor, scores: AllScores
) -> Score:
    """Change a score; what is not given stays. Admins may change those of others."""
    return await scores.edit(access, score_id, change)


@router.delete("/scores/{score_id:path}", status_code=204)
async def delete_score(score_id: str, access: Editor, scores: AllScores) -> None:
    """Take a score away; its edits stay. Admins may take away those of others."""
    await scores.delete(access, score_id)


@router.get("/scores/{score_id:path}/edits")
async def list_score_edits(score_id: str, access: Viewer, scores: AllScores) -> Page[Score]:
    """Return what each change made of a score, in order; the last 1000."""
    return Page(data=await scores.edits(access.project, score_id))


@router.get("/comments")
async def list_comments(
    wanted: Annotated[CommentList, Query()], access: Viewer, comments: AllComments
) -> Page[Comment]:
    """Return a page of comments, the latest first, with any filters."""
    return await comments.find(access.project, wanted, cursor=wanted.cursor, limit=wanted.limit)


@router.post("/comments", status_code=201)
async def create_comment(new: NewComment, access: Editor, comments: AllComments) -> Comment:
    """Comment on a session, a trace or a span, which need not be there yet."""
    return await comments.create(access, new)


@router.patch("/comments/{comment_id}")
async def edit_comment(
    comment_id: str, change: CommentChange, access: Editor, comments: AllComments
) -> Comment:
    """Let a comment say something else. Admins may change those of others."""
    return await comments.edit(access, comment_id, change)


@router.delete("/comments/{comment_id}", status_code=204)
async def delete_comment(comment_id: str, access: Editor, comments: AllComments) -> None:
    """Take a comment away; its edits stay. Admins may take away those of others."""
    await comments.delete(access, comment_id)


@router.get("/comments/{comment_id}/edits")
async def list_comment_edits(
    comment_id: str, access: Viewer, comments: AllComments
) -> Page[Comment]:
    """Return what each change made of a comment, in order; the last 1000."""
    return Page(data=await comments.edits(access.project, comment_id))
