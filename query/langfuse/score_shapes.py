"""Scores in Langfuse's words: how they come in, and how they go out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError
from pydantic.alias_generators import to_camel

from query.langfuse.score_rows import ScoreRow
from query.marks.score import NewScore
from query.reads.models import rfc3339
from runtime.errors import InvalidRequest

# Of the fields of a score in version 3, beside those that it always has.
GROUPS = frozenset({"details", "subject", "annotation"})
_NOT_HERE = ("dataset_run_id", "config_id", "queue_id")


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)

    id: str | None = None
    session_id: str | None = None
    trace_id: str | None = None
    observation_id: str | None = None
    name: str
    value: JsonValue
    data_type: str | None = None
    comment: str | None = None
    metadata: JsonValue = None
    environment: str | None = None
    source: Literal["API", "ANNOTATION"] | None = None
    # When a score was made is for the store's clock to say.
    timestamp: datetime | None = None
    dataset_run_id: str | None = None
    config_id: str | None = None
    queue_id: str | None = None


def incoming(body: Any) -> tuple[NewScore, Literal["API", "ANNOTATION"]]:
    """
    Read a score that a client sends, and where it says the score is from.

    Raises:
        InvalidRequest: it is none, or has a part that is not known here.
    """
    try:
        told = _Body.model_validate(body)
        if given := [to_camel(name) for name in _NOT_HERE if getattr(told, name)]:
            raise InvalidRequest(f"{', '.join(given)}: scores have no such thing here")
        # None is what was not said.
        said = {
            "id": told.id,
            "session_id": told.session_id,
            "trace_id": told.trace_id,
            "span_id": told.observation_id,
            "name": told.name,
            "value": told.value,
            "data_type": told.data_type,
            "comment": told.comment,
            "environment": told.environment,
            "metadata": _as_object(told.metadata),
        }
        new = NewScore.model_validate({key: v for key, v in said.items() if v is not None})
    except ValidationError as error:
        parts = ("".join(f"{part}: " for part in e["loc"]) + e["msg"] for e in error.errors())
        raise InvalidRequest(f"not a score: {'; '.join(parts)}") from error
    return new, told.source or "API"


def _as_object(metadata: JsonValue) -> JsonValue:
    return metadata if metadata is None or isinstance(metadata, dict) else {"metadata": metadata}


def score(row: ScoreRow) -> Mapping[str, Any]:
    """Return a Score of versions 1 and 2, whose value is a number, and a text beside it."""
    return {
        **_core(row),
        **_details(row),
        **_annotation(row),
        "traceId": row.trace_id or None,
        "sessionId": row.session_id or None,
        "observationId": row.span_id or None,
        "datasetRunId": None,
        "value": row.number or 0,
        "stringValue": str(bool(row.number)) if row.data_type == "BOOLEAN" else row.text or None,
    }


def version_3(project: str, row: ScoreRow, groups: frozenset[str]) -> Mapping[str, Any]:
    """Return a Score of version 3: what it always has, and the `groups` (of GROUPS) asked for."""
    fields = {
        "details": _details(row),
        "annotation": _annotation(row),
        "subject": {"subject": _subject(row)},
    }
    return {
        **_core(row),
        "projectId": project,
        "value": _value(row),
        **{key: value for group in groups for key, value in fields[group].items()},
    }


def _core(row: ScoreRow) -> Mapping[str, Any]:
    return {
        "id": row.score_id,
        "name": row.name,
        "dataType": row.data_type,
        "source": row.source,
        "timestamp": rfc3339(row.created_ns),
        "createdAt": rfc3339(row.created_ns),
        "updatedAt": rfc3339(row.updated_ns),
        "environment": row.environment or "default",
    }


def _details(row: ScoreRow) -> Mapping[str, Any]:
    return {
        "comment": row.comment or None,
        "metadata": orjson.loads(row.metadata),
        "configId": None,
    }


def _annotation(row: ScoreRow) -> Mapping[str, Any]:
    return {"authorUserId": row.author, "queueId": None}


def _value(row: ScoreRow) -> float | bool | str:
    if row.number is None:
        return row.text
    return bool(row.number) if row.data_type == "BOOLEAN" else row.number


def _subject(row: ScoreRow) -> Mapping[str, str]:
    if row.session_id:
        return {"kind": "session", "id": row.session_id}
    if row.span_id:
        return {"kind": "observation", "id": row.span_id, "traceId": row.trace_id}
    return {"kind": "trace", "id": row.trace_id}
