"""Reading what a client writes, never more of it than is allowed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from fastapi import HTTPException, Request

from runtime.errors import InvalidRequest

# SDKs send batches of 2.5 MB at most.
_BYTES_MAX = 4 * 2**20
# Each takes milliseconds, and has its own part in the answer. SDKs send some hundred at most.
_ITEMS_MAX = 1000


async def read_json(request: Request) -> Any:
    """
    Return the JSON in the body of a request.

    Raises:
        HTTPException: 413, it is too large.
        InvalidRequest: it is no JSON.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _BYTES_MAX:
            raise HTTPException(413, f"more than {_BYTES_MAX} bytes at once: send fewer at a time")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise InvalidRequest(f"the body is not JSON: {error}") from error


def check_count(items: Sequence[Any]) -> None:
    """
    Return if these are not too many to be taken one by one.

    Raises:
        HTTPException: 413, they are.
    """
    if len(items) > _ITEMS_MAX:
        raise HTTPException(413, f"more than {_ITEMS_MAX} items at once: send fewer at a time")
