"""Langfuse's /v2/observations: spans by cursor, of a session, of a trace, or of all."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field, TypeAdapter, ValidationError
from starlette.responses import Response

from query import cursor as cursors
from query.access.guard import Viewer
from query.langfuse import observation_rows, observation_shapes
from query.langfuse.bounds import answerable
from query.langfuse.observation_shapes import GROUPS
from query.langfuse.paging import Filters
from query.reads.models import nanoseconds
from query.services import Shared
from query.wire import Json
from runtime.errors import InvalidRequest

router = APIRouter(prefix="/api/public")


class ObservationsAsked(Filters):
    """Which observations, and which fields of them."""

    session_id: str | None = None
    trace_id: str | None = None
    name: str | None = None
    user_id: str | None = None
    type: str | None = None
    level: str | None = None
    parent_observation_id: str | None = None
    is_root_observation: bool | None = None
    environment: list[str] = Field(default_factory=list)
    version: str | None = None
    from_start_time: datetime | None = None
    to_start_time: datetime | None = None
    filter: str | None = None  # conditions in JSON, instead of the above
    fields: str = "core,basic"
    expand_metadata: str | None = None  # it is always whole
    parse_io_as_json: Literal[False] | None = None
    limit: int = Field(default=50, ge=1, le=1000)
    cursor: str | None = None

    def groups(self) -> frozenset[str]:
        """
        Return the groups of fields asked for.

        Raises:
            InvalidRequest: there is no such group.
        """
        groups = {"core", *(name.strip() for name in self.fields.split(",") if name.strip())}
        if unknown := groups - GROUPS:
            raise InvalidRequest(
                f"fields: there is no {', '.join(sorted(unknown))};"
                f" there are {', '.join(sorted(GROUPS))}"
            )
        return frozenset(groups)

    def given(self) -> Mapping[str, Any]:
        """
        Return what observations are asked for by, as observation_rows.page takes it.

        Raises:
            InvalidRequest: `filter` holds something else than equality of what is above it.
        """
        if self.filter is not None:
            return _of_conditions(self.filter).given()
        told = {name: getattr(self, name) for name in _CONDITIONS}
        told["environment"] = self.environment or None
        for bound, time in (("from_ns", self.from_start_time), ("to_ns", self.to_start_time)):
            told[bound] = None if time is None else nanoseconds(time)
        return {name: value for name, value in told.items() if value is not None}


# What `filter` can compare.
_CONDITIONS = (
    "session_id",
    "trace_id",
    "name",
    "user_id",
    "type",
    "level",
    "parent_observation_id",
    "is_root_observation",
    "version",
)


class _Condition(Filters):
    type: Literal["string", "boolean"]
    column: str
    operator: Literal["="]
    value: str | bool


_CONDITION_LIST = TypeAdapter(list[_Condition])


def _of_conditions(text: str) -> ObservationsAsked:
    try:
        conditions = _CONDITION_LIST.validate_json(text)
        columns = {condition.column: condition.value for condition in conditions}
        if len(columns) < len(conditions):
            raise InvalidRequest("filter: it names a column twice")
        return ObservationsAsked.model_validate(columns)
    except ValidationError as error:
        raise InvalidRequest(
            "filter: only '=' of sessionId, traceId, name, userId, type, level,"
            " parentObservationId, isRootObservation and version is known here; times go into"
            " fromStartTime and toStartTime"
        ) from error


@router.get("/v2/observations")
async def observations(
    asked: Annotated[ObservationsAsked, Query()], access: Viewer, services: Shared
) -> Response:
    """Return some observations, the latest first, and a cursor to those that come after them."""
    groups, given = asked.groups(), asked.given()
    after = cursors.decode(asked.cursor, (int, str, str)) if asked.cursor else None
    with answerable("ask for fewer observations at a time (limit)"):
        rows = await observation_rows.page(
            services.store,
            project=access.project,
            filters=given,
            after=after,
            limit=asked.limit + 1,
        )
    page = rows[: asked.limit]
    meta = {}
    if len(rows) > len(page):
        last = page[-1].span
        meta["cursor"] = cursors.encode(last.start_ns, last.trace_id, last.span_id)
    data = [observation_shapes.version_2(access.project, row, groups) for row in page]
    return Json({"data": data, "meta": meta})
