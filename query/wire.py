"""How answers are written: JSON by orjson, problems as RFC 9457 says."""

from __future__ import annotations

from typing import Any

import orjson
from pydantic import BaseModel
from starlette.responses import JSONResponse


def to_json(content: Any) -> bytes:
    """Return the JSON of plain values, dataclasses and times. Text that is no UTF-8 is mended."""
    return orjson.dumps(content, default=_plain, option=orjson.OPT_NON_STR_KEYS)


def _plain(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump()
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON")


class Json(JSONResponse):
    """An answer in JSON."""

    def render(self, content: Any) -> bytes:
        """Return the body."""
        return to_json(content)


class Problem(Json):
    """An error that a program can read and a person can act on (RFC 9457)."""

    media_type = "application/problem+json"

    def __init__(self, *, status: int, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(
            {"status": status, "title": TITLES.get(status, "Error"), "detail": detail},
            status_code=status,
            headers=headers,
        )


class ProblemBody(BaseModel):
    """What every error says: `detail` is written for the person who can act."""

    status: int
    title: str
    detail: str


TITLES = {
    400: "Bad request",
    401: "Not logged in",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    411: "Length required",
    413: "Too large",
    422: "Cannot be read",
    429: "Too many requests",
    500: "Error",
    502: "Ingest is away",
    503: "Not ready",
}
