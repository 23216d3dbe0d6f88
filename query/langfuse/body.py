"""Reading what a client writes, never more of it than is allowed."""

from __future__ import annotations

from typing import Any

import orjson
from fastapi import HTTPException, Request

from runtime.errors import InvalidRequest

# SDKs send batches of 2.5 MB at most.
_BYTES_MAX = 4 * 2**20


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
