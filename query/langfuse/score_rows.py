"""The SQL of scores, as Langfuse's lists ask for them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from query.langfuse.bounds import BOUNDED
from store.client import Store

Filters = Mapping[str, Sequence[str] | int]


class ScoreRow(NamedTuple):
    """A score. Times are Unix nanoseconds; `number` is None where the value is a text."""

    score_id: str
    session_id: str
    trace_id: str
    span_id: str
    name: str
    data_type: str
    number: float | None
    text: str
    comment: str
    environment: str
    metadata: str
    source: str
    author: str
    created_ns: int
    updated_ns: int


_ROW = """
SELECT ScoreId, SessionId, TraceId, SpanId, Name, DataType, Value, StringValue, Comment,
    Environment, Metadata, Source, Author, toUnixTimestamp64Nano(CreatedAt),
    toUnixTimestamp64Nano(UpdatedAt)
"""
_ORDER = "ORDER BY CreatedAt DESC, ScoreId DESC"
# By the name of a filter.
_CONDITIONS = {
    "id": "ScoreId IN {id:Array(String)}",
    "session_id": "SessionId IN {session_id:Array(String)}",
    "trace_id": "TraceId IN {trace_id:Array(String)}",
    "observation_id": "SpanId IN {observation_id:Array(String)}",
    "name": "Name IN {name:Array(String)}",
    "data_type": "DataType IN {data_type:Array(String)}",
    "source": "Source IN {source:Array(String)}",
    "environment": "Environment IN {environment:Array(String)}",
    "author_user_id": "Author IN {author_user_id:Array(String)}",
    "from_ns": "CreatedAt >= fromUnixTimestamp64Nano({from_ns:Int64}, 'UTC')",
    "to_ns": "CreatedAt < fromUnixTimestamp64Nano({to_ns:Int64}, 'UTC')",
}
_AFTER = "(toUnixTimestamp64Nano(CreatedAt), ScoreId) < ({after_ns:Int64}, {after_id:String})"


async def numbered(
    store: Store, *, project: str, filters: Filters, limit: int, offset: int
) -> tuple[list[ScoreRow], int]:
    """Return a page of the scores that pass all filters, latest first, and their count."""
    parameters = {"project": project, "limit": limit, "offset": offset, **filters}
    found = _found(filters)
    page = f"{_ROW} {found} {_ORDER} LIMIT {{limit:UInt32}} OFFSET {{offset:UInt32}}"
    rows, [[total]] = await asyncio.gather(
        _read(store, page, parameters), store.query(f"SELECT count() {found}", parameters)
    )
    return rows, total


async def following(
    store: Store, *, project: str, filters: Filters, after: tuple[int, str] | None, limit: int
) -> list[ScoreRow]:
    """Return the latest scores that pass all filters; with `after`, those that come after it."""
    parameters: dict[str, Any] = {"project": project, "limit": limit, **filters}
    found = _found(filters)
    if after:
        parameters |= {"after_ns": after[0], "after_id": after[1]}
        found += f" AND {_AFTER}"
    return await _read(store, f"{_ROW} {found} {_ORDER} LIMIT {{limit:UInt32}}", parameters)


async def of_traces(store: Store, *, project: str, trace_ids: Sequence[str]) -> list[ScoreRow]:
    """
    Return the scores on some traces and on their spans.

    Raises:
        StoreRefused: they are more than fits one answer (bounds.answerable).
    """
    filters = {"trace_id": trace_ids}
    statement = f"{_ROW} {_found(filters)} {_ORDER} {BOUNDED}"
    return await _read(store, statement, {"project": project, **filters})


def _found(filters: Filters) -> str:
    conditions = ["Project = {project:String}", *(_CONDITIONS[name] for name in filters)]
    return f"FROM scores WHERE {' AND '.join(conditions)}"


async def _read(store: Store, statement: str, parameters: Mapping[str, Any]) -> list[ScoreRow]:
    return [ScoreRow(*row) for row in await store.query(statement, parameters)]
