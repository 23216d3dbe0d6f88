"""What the forms of the pages do: each leads back to its page."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Form
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from query.access.guard import Access, Editor
from query.access.roles import Role
from query.marks import ends
from query.marks.bookmarks import Bookmarks
from query.marks.comments import Comment, CommentChange, Comments, NewComment
from query.marks.mark import Mark
from query.marks.score import NewScore, Score, ScoreChange
from query.marks.scores import Scores
from query.marks.shares import NewShare, Share, Shares
from query.pages import context
from query.pages.rendering import link, page
from query.services import Services, Shared
from runtime.config import DataType

router = APIRouter(include_in_schema=False)

Field = Annotated[str, Form()]
Model = TypeVar("Model", bound=BaseModel)


def panel(
    access: Access,
    services: Services,
    subject: Mapping[str, str],
    *,
    scores: Sequence[Score],
    comments: Sequence[Comment],
    shares: Sequence[Share] = (),
) -> dict[str, Any]:
    """Return what _marks_panel.html shows."""

    def may_change(mark: Mark) -> bool:
        is_own = mark.author == access.who and access.role >= Role.EDITOR
        return is_own or access.role >= Role.ADMIN

    return {
        "subject": subject,
        "scores": scores,
        "comments": comments,
        "shares": shares,
        "definitions": services.config.query.score_definitions,
        "may_change": may_change,
    }


class _Subject(BaseModel):
    session_id: str = ""
    trace_id: str = ""
    span_id: str = ""


@router.post("/session/bookmark")
async def bookmark(
    *,
    access: Editor,
    services: Shared,
    session_id: Annotated[str, Form(alias="id")],
    on: Annotated[bool, Form()],
    back: Annotated[str, Form(alias="next")] = "",
) -> Response:
    """Bookmark a session, or take its bookmark off."""
    bookmarks = Bookmarks(services.store)
    await (bookmarks.set if on else bookmarks.remove)(access, session_id)
    return _back(back, otherwise=link("/session", id=session_id, project=access.project))


@router.post("/marks/score")
async def score(
    *,
    access: Editor,
    services: Shared,
    subject: Annotated[_Subject, Form()],
    value: Field,
    name: Field = "",
    data_type: Annotated[DataType | None, Form()] = None,
    comment: Field = "",
    mark: Field = "",
    back: Annotated[str, Form(alias="next")] = "",
) -> Response:
    """Score a session, a trace or a span; with `mark`, change a score."""
    scores = Scores(services.store, services.config.query.score_definitions)
    if mark:
        change = _read(lambda: ScoreChange(value=value, comment=comment))
        await scores.edit(access, mark, change)
    else:
        new = _read(
            lambda: NewScore(
                **subject.model_dump(),
                name=name,
                value=value,
                data_type=data_type,
                comment=comment,
            )
        )
        await scores.create(access, new, source="ANNOTATION")
    return _back(back, otherwise="/sessions")


@router.post("/marks/comment")
async def comment(
    *,
    access: Editor,
    services: Shared,
    subject: Annotated[_Subject, Form()],
    text: Field,
    mark: Field = "",
    back: Annotated[str, Form(alias="next")] = "",
) -> Response:
    """Comment on a session, a trace or a span; with `mark`, change a comment."""
    comments = Comments(services.store)
    if mark:
        await comments.edit(access, mark, _read(lambda: CommentChange(text=text)))
    else:
        await comments.create(access, _read(lambda: NewComment(**subject.model_dump(), text=text)))
    return _back(back, otherwise="/sessions")


@router.post("/marks/remove")
async def remove(
    *,
    access: Editor,
    services: Shared,
    kind: Field,
    mark: Field,
    back: Annotated[str, Form(alias="next")] = "",
) -> Response:
    """Take a score or a comment away."""
    if kind == "score":
        await Scores(services.store, services.config.query.score_definitions).delete(access, mark)
    else:
        await Comments(services.store).delete(access, mark)
    return _back(back, otherwise="/sessions")


@router.post("/session/end")
async def end(
    *, access: Editor, services: Shared, session_id: Annotated[str, Form(alias="id")]
) -> Response:
    """End a session; spans that start later open it again."""
    await ends.end(services.store, access, session_id)
    return _back("", otherwise=link("/session", id=session_id, project=access.project))


@router.post("/session/publish")
async def publish(
    *,
    request: Request,
    access: Editor,
    projects: context.Projects,
    services: Shared,
    session_id: Field,
    days: Annotated[int | None, Form(ge=1, le=36_500)] = None,
    hides_content: Annotated[bool, Form()] = False,
) -> Response:
    """Publish a session, and show its link, which is not to be seen again."""
    expires_at = datetime.now(UTC) + timedelta(days=days) if days else None
    new = _read(lambda: NewShare(expires_at=expires_at, hides_content=hides_content))
    _, token = await Shares(services.store).publish(access, session_id, new)
    return page(
        request,
        "published.html",
        **context.of(access, projects),
        url=f"{str(request.base_url).rstrip('/')}/shared/{token}",
        here=link("/session", id=session_id, project=access.project),
    )


@router.post("/session/revoke")
async def revoke(
    *,
    access: Editor,
    services: Shared,
    share: Field,
    back: Annotated[str, Form(alias="next")] = "",
) -> Response:
    """Let a public link open nothing from now on."""
    await Shares(services.store).revoke(access, share)
    return _back(back, otherwise="/sessions")


def _back(url: str, *, otherwise: str) -> Response:
    return RedirectResponse(context.local(url, otherwise=otherwise), status_code=303)


def _read(make: Callable[[], Model]) -> Model:
    try:
        return make()
    except ValidationError as error:
        located = [{**e, "loc": ("form", *e["loc"])} for e in error.errors()]
        raise RequestValidationError(located) from error
