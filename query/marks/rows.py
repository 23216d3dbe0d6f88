"""How marks get into the store: a row at a time, at the store's own time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from runtime.errors import NotFound
from store.client import Store

_SETTINGS: Mapping[str, str | int] = {
    # Who wrote a mark reads it in the next moment, and the same state twice is two edits.
    "async_insert": 0,
    "insert_deduplicate": 0,
    "date_time_input_format": "best_effort",
    "precise_float_parsing": 1,
}


async def clock(store: Store) -> int:
    """
    Return the time by the store's clock (Unix nanoseconds), which all query processes share.

    Raises:
        StoreUnavailable: worth another try.
    """
    [[now_ns]] = await store.query("SELECT toUnixTimestamp64Nano(now64(9, 'UTC'))")
    return int(now_ns)


async def insert(store: Store, table: str, row: Mapping[str, Any]) -> None:
    """
    Insert a row, durably; times are RFC 3339.

    Raises:
        StoreUnavailable: worth another try. The row may have been inserted.
    """
    await store.execute(
        f"INSERT INTO {table} FORMAT JSONEachRow", body=orjson.dumps(row), settings=_SETTINGS
    )


async def check_session(store: Store, project: str, session_id: str) -> None:
    """
    Return if there is such a session.

    Raises:
        NotFound: there is none in the project.
        StoreUnavailable: worth another try.
    """
    found = await store.query(
        "SELECT 1 FROM sessions WHERE Project = {project:String} AND SessionId = {id:String}",
        {"project": project, "id": session_id},
    )
    if not found:
        raise NotFound(f"there is no session '{session_id[:200]}'")
