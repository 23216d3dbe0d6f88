"""Langfuse's page numbers, and the times that bound what is listed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from query.reads.models import nanoseconds
from runtime.errors import InvalidRequest

# A page number is an offset: what comes before it is read and thrown away.
_ITEMS_MAX = 10_000


class Filters(BaseModel):
    """What is asked for, by Langfuse's names. An unknown name is refused, not ignored."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)

    project: str = ""  # for the guard: users may have several, a key has one


class Page(Filters):
    """Which page, from 1 on, and how many items it has."""

    page: int = Field(default=1, ge=1)
    limit: int = Field(default=50, ge=1, le=100)

    @property
    def offset(self) -> int:
        """
        How many items come before the page.

        Raises:
            InvalidRequest: too many.
        """
        if self.page * self.limit > _ITEMS_MAX:
            raise InvalidRequest(
                f"page {self.page} lies beyond the first {_ITEMS_MAX} items: ask for a span of time"
                " (fromTimestamp, toTimestamp), or follow the cursors of /api/v1"
            )
        return (self.page - 1) * self.limit

    def of(self, data: Sequence[Any], *, total: int) -> Mapping[str, Any]:
        """Return the answer: the page's items, and which of how many they are."""
        return {
            "data": data,
            "meta": {
                "page": self.page,
                "limit": self.limit,
                "totalItems": total,
                "totalPages": -(-total // self.limit),
            },
        }


class Period(Filters):
    """A span of time, without its end."""

    from_timestamp: datetime | None = None
    to_timestamp: datetime | None = None

    def bounds(self) -> dict[str, int]:
        """Return it in Unix nanoseconds, open ends far away."""
        return {
            "from_ns": nanoseconds(self.from_timestamp) if self.from_timestamp else 0,
            "to_ns": nanoseconds(self.to_timestamp) if self.to_timestamp else 2**63 - 1,
        }


class Timed(Page, Period):
    """A page of what began in a span of time."""
