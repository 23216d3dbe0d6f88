"""
Requests that would take a hundred times their bytes in memory once parsed: refused unparsed.

An empty span or log record is two bytes on the wire and some 300 as an object. Real ones take 100
or more, so none of these limits is met by a real request of the size that OTLP recommends as the
largest.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from runtime.errors import RequestTooLarge
from schemas.otlp.wire import submessages

_ITEMS_MAX = 1_000_000
_OBJECTS_MAX = 4_000_000
_COMMAS_MAX = 10_000_000


def refuse_bomb(body: bytes) -> None:
    """
    Look for too many items in an encoded request, by the lengths on its wire alone.

    Raises:
        RequestTooLarge: there are more than a million.
    """
    if len(body) // 2 > _ITEMS_MAX and any(islice(_items(body), _ITEMS_MAX, None)):
        raise RequestTooLarge(
            f"the request holds more than {_ITEMS_MAX} spans or log records: send fewer at a time"
        )


def refuse_json_bomb(body: bytes) -> None:
    """
    Look for too many objects, lists and other values in JSON, by what opens and parts them. What is
    within strings counts as well: it is a bound.

    Raises:
        RequestTooLarge: there are more than four millions, or ten million values.
    """
    if body.count(b"{") + body.count(b"[") > _OBJECTS_MAX or body.count(b",") > _COMMAS_MAX:
        raise RequestTooLarge(
            f"the request holds more than {_OBJECTS_MAX} objects and lists in JSON, or"
            f" {_COMMAS_MAX} values: send less at a time"
        )


def _items(body: bytes) -> Iterator[object]:
    for _, *resource in submessages(body, 0, len(body), number=1):
        for _, *scope in submessages(body, *resource, number=2):
            yield from submessages(body, *scope, number=2)
