"""Langfuse's /scores: written one by one or many at once, and read in its versions 2 and 3."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from query import cursor as cursors
from query.access.guard import Access, Editor, Viewer
from query.langfuse import score_rows, score_shapes
from query.langfuse.body import check_count, read_json
from query.langfuse.paging import Period, Timed
from query.langfuse.score_shapes import GROUPS
from query.marks.scores import Scores
from query.services import Services, Shared
from query.wire import Json
from runtime.errors import InvalidRequest, NotFound, PermanentError

router = APIRouter(prefix="/api/public")


async def create(body: Any, access: Access, services: Services) -> str:
    """
    Create the score that a client sends, or replace the one that has its id; return the id.

    Raises:
        InvalidRequest: it is none.
        NotAllowed: the score that has the id is somebody else's.
    """
    new, source = score_shapes.incoming(body)
    scores = _scores(services)
    return (await scores.create(access, new, source=source)).id


@router.post("/scores")
async def create_scores(request: Request, access: Editor, services: Shared) -> Response:
    """Create a score, or with a list, all those that can be."""
    body = await read_json(request)
    if not isinstance(body, list):
        return Json({"id": await create(body, access, services)})
    check_count(body)
    errors = []
    for number, score in enumerate(body):
        try:
            await create(score, access, services)
        except PermanentError as error:
            errors.append({"message": f"score {number}: {error}"})
    if not errors:
        return Json({"message": "Accepted"}, status_code=202)
    counts = {"accepted": len(body) - len(errors), "rejected": len(errors)}
    return Json({**counts, "errors": errors}, status_code=207)


@router.delete("/scores/{score_id}")
async def delete(score_id: str, access: Editor, services: Shared) -> Response:
    """Take a score away."""
    await _scores(services).delete(access, score_id)
    return Json({"message": "Score deleted"})


class ScoresAsked(Timed):
    """Which scores, by version 2."""

    score_ids: str = ""  # several, with commas
    observation_id: str = ""  # likewise
    session_id: str | None = None
    trace_id: str | None = None
    name: str | None = None
    data_type: str | None = None
    source: str | None = None
    environment: list[str] = Field(default_factory=list)

    def given(self) -> score_rows.Filters:
        """Return what is given, as score_rows takes it."""
        ones = ("session_id", "trace_id", "name", "data_type", "source")
        lists = {
            "id": _split(self.score_ids),
            "observation_id": _split(self.observation_id),
            "environment": self.environment,
            **{name: [value] for name in ones if (value := getattr(self, name)) is not None},
        }
        return {**_not_empty(lists), **self.bounds()}


# Version 1 is no more than that path to its SDKs.
@router.get("/scores")
@router.get("/v2/scores")
async def scores(
    asked: Annotated[ScoresAsked, Query()], access: Viewer, services: Shared
) -> Response:
    """Return a page of scores, the latest first."""
    rows, total = await score_rows.numbered(
        services.store,
        project=access.project,
        filters=asked.given(),
        limit=asked.limit,
        offset=asked.offset,
    )
    return Json(asked.of([score_shapes.score(row) for row in rows], total=total))


@router.get("/v2/scores/{score_id}")
async def score(score_id: str, access: Viewer, services: Shared) -> Response:
    """Return one score."""
    rows = await score_rows.following(
        services.store, project=access.project, filters={"id": [score_id]}, after=None, limit=1
    )
    if not rows:
        raise NotFound(f"there is no score '{score_id}' in project '{access.project}'")
    return Json(score_shapes.score(rows[0]))


class ScoresAsked3(Period):
    """Which scores, by version 3: of everything but the times several, with commas."""

    id: str = ""
    session_id: str = ""
    trace_id: str = ""
    observation_id: str = ""
    name: str = ""
    data_type: str = ""
    source: str = ""
    environment: str = ""
    author_user_id: str = ""
    fields: str = ""
    limit: int = Field(default=50, ge=1, le=100)
    cursor: str = ""

    def given(self) -> score_rows.Filters:
        """Return what is given, as score_rows takes it."""
        lists = {name: _split(getattr(self, name)) for name in _LISTS}
        for name in ("data_type", "source"):
            lists[name] = [value.upper() for value in lists[name]]
        return {**_not_empty(lists), **self.bounds()}

    def groups(self) -> frozenset[str]:
        """
        Return the groups of fields asked for.

        Raises:
            InvalidRequest: there is no such group.
        """
        groups = frozenset(_split(self.fields))
        if unknown := groups - GROUPS:
            raise InvalidRequest(
                f"fields: there is no {', '.join(sorted(unknown))};"
                f" there are {', '.join(sorted(GROUPS))}"
            )
        return groups


_LISTS = (
    *("id", "session_id", "trace_id", "observation_id", "name", "data_type", "source"),
    *("environment", "author_user_id"),
)


@router.get("/v3/scores")
async def scores_3(
    asked: Annotated[ScoresAsked3, Query()], access: Viewer, services: Shared
) -> Response:
    """Return some scores, the latest first, and a cursor to those that come after them."""
    groups = asked.groups()
    rows = await score_rows.following(
        services.store,
        project=access.project,
        filters=asked.given(),
        after=cursors.decode(asked.cursor, (int, str)) if asked.cursor else None,
        limit=asked.limit + 1,
    )
    page = rows[: asked.limit]
    meta: dict[str, Any] = {"limit": asked.limit}
    if len(rows) > len(page):
        meta["cursor"] = cursors.encode(page[-1].created_ns, page[-1].score_id)
    data = [score_shapes.version_3(access.project, row, groups) for row in page]
    return Json({"data": data, "meta": meta})


def _scores(services: Services) -> Scores:
    return Scores(services.store, services.config.query.score_definitions)


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _not_empty(lists: Mapping[str, list[str]]) -> dict[str, list[str]]:
    return {name: values for name, values in lists.items() if values}
