"""Sessions: the list in any order, and one of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from query import cursor
from query.filters import PAGE_MAX, SessionFilters, SessionList
from query.reads import session_marks
from query.reads.columns import SESSION, SESSION_STATUS, fields, select
from query.reads.conditions import COST, DURATION, conditions
from query.reads.models import Page, Session
from runtime.errors import NotFound
from store.client import Store


@dataclass(frozen=True, slots=True)
class _Order:
    """What a list is ordered by; its rows' keys are (`sql`, SessionIdHash)."""

    sql: str
    column_type: str
    kind: type[int | float | str]


_ORDERS = {
    "start": _Order("toUnixTimestamp64Nano(StartTime)", "Int64", int),
    "end": _Order("toUnixTimestamp64Nano(EndTime)", "Int64", int),
    "duration": _Order(DURATION, "Int64", int),
    "traces": _Order("TraceCount", "Int64", int),
    "spans": _Order("SpanCount", "Int64", int),
    "errors": _Order("ErrorCount", "Int64", int),
    "input_tokens": _Order("InputTokens", "Int64", int),
    "output_tokens": _Order("OutputTokens", "Int64", int),
    "tokens": _Order("TotalTokens", "Int64", int),
    "cost": _Order(COST, "Float64", float),
    "id": _Order("SessionId", "String", str),
}
# In one pass: the engine reads what is shown for the rows of the page alone.
_LIST = """
SELECT Shown, {columns}, {key} AS Key, SessionIdHash
FROM sessions_data FINAL
WHERE {where}
ORDER BY Key {direction}, SessionIdHash {direction}
LIMIT {{rows:UInt32}}
"""
_ONE = f"""
SELECT Shown, {select(SESSION_STATUS)} FROM sessions_data FINAL
WHERE Project = {{project:String}} AND SessionId = {{session_id:String}}
"""


async def page(store: Store, project: str, wanted: SessionList) -> Page[Session]:
    """
    Return a page of the sessions of a project, with their marks.

    Raises:
        InvalidRequest: the cursor is of another list.
        RetryableError: the store cannot be read right now.
    """
    order = _ORDERS[wanted.sort.removeprefix("-")]
    direction = "DESC" if wanted.sort.startswith("-") else "ASC"
    where, parameters = _where(project, wanted)
    if wanted.cursor:
        sign = "<" if direction == "DESC" else ">"
        after_key = f"({{after:{order.column_type}}}, {{after_hash:Int64}})"
        where += f" AND ({order.sql}, SessionIdHash) {sign} {after_key}"
        after, after_hash = cursor.decode(wanted.cursor, (order.kind, int))
        parameters |= {"after": after, "after_hash": after_hash}
    columns = select(SESSION_STATUS)
    sql = _LIST.format(columns=columns, key=order.sql, where=where, direction=direction)
    rows, on_traces = await asyncio.gather(
        store.query(sql, {**parameters, "rows": wanted.limit + 1}),
        session_marks.are_on_traces(store, project),
    )
    found = [_session(row) for row in rows[: wanted.limit]]
    await session_marks.add(store, project, found, on_traces=on_traces)
    if len(rows) <= wanted.limit:
        return Page(data=found)
    *_, key, id_hash = rows[wanted.limit - 1]
    return Page(data=found, next=cursor.encode(order.kind(key), id_hash))


async def every(store: Store, project: str, wanted: SessionList) -> AsyncIterator[Session]:
    """Yield all sessions that match, from a cursor on, in pages that are held one at a time."""
    following = wanted.model_copy(update={"limit": PAGE_MAX})
    while True:
        found = await page(store, project, following)
        for session in found.data:
            yield session
        if not found.next:
            return
        following = following.model_copy(update={"cursor": found.next})


async def one(store: Store, project: str, session_id: str) -> Session:
    """
    Return a session.

    Raises:
        NotFound: the project has no such session.
        RetryableError: the store cannot be read right now.
    """
    rows, on_traces = await asyncio.gather(
        store.query(_ONE, {"project": project, "session_id": session_id}),
        session_marks.are_on_traces(store, project),
    )
    if not rows:
        raise NotFound("there is no such session in this project")
    session = _session(rows[0])
    await session_marks.add(store, project, [session], on_traces=on_traces)
    return session


def _session(row: Sequence[Any]) -> Session:
    shown, *status = row
    return Session(**fields(SESSION, orjson.loads(shown)), **fields(SESSION_STATUS, status))


def _where(project: str, filters: SessionFilters) -> tuple[str, dict[str, Any]]:
    texts, parameters = ["Project = {project:String}"], {"project": project}
    for text, named in conditions(filters):
        texts.append(text)
        parameters.update(named)
    return " AND ".join(texts), parameters
