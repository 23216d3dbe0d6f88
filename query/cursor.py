"""
Cursors: where a page ended, as text that is of no further meaning to whoever holds it.

A page is asked for by the key of the last row before it, never by an offset: rows that come or go
meanwhile neither repeat nor hide others, and the thousandth page costs what the first one does.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import orjson

from runtime.errors import InvalidRequest

Key = str | int | float


def encode(*key: Key) -> str:
    """Return the cursor of a row."""
    return base64.urlsafe_b64encode(orjson.dumps(key)).decode().rstrip("=")


def decode(cursor: str, kinds: Sequence[type[Key]]) -> tuple[Any, ...]:
    """
    Return the key in a cursor, whose parts are of these kinds.

    Raises:
        InvalidRequest: it is none of ours, or of another list or order.
    """
    try:
        key = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError):
        key = None
    matches = isinstance(key, list) and [type(part) for part in key] == list(kinds)
    if not matches or any(isinstance(part, int) and abs(part) >= 2**63 for part in key):
        raise InvalidRequest(
            "cursor: it belongs to no page of this list in this order; ask for the first page again"
        )
    return tuple(key)
