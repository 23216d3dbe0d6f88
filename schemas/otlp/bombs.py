"""
Requests that would take a hundred times their bytes in memory once parsed: refused unparsed.

An empty span is two bytes on the wire and some 300 as an object. Real ones take 100 or more, so
none of these limits is met by a real request of the size that OTLP recommends as the largest.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from runtime.errors import RequestTooLarge

_SPANS_MAX = 1_000_000
_OBJECTS_MAX = 4_000_000


def refuse_bomb(body: bytes) -> None:
    """
    Look for too many spans in an encoded request, by the lengths on its wire alone.

    Raises:
        RequestTooLarge: there are more than a million.
    """
    if len(body) // 2 > _SPANS_MAX and any(islice(_spans(body), _SPANS_MAX, None)):
        raise RequestTooLarge(
            f"the request holds more than {_SPANS_MAX} spans: send fewer spans at a time"
        )


def refuse_json_bomb(body: bytes) -> None:
    """
    Look for too many objects in JSON. Braces within strings count as well: it is a bound.

    Raises:
        RequestTooLarge: there are more than four millions.
    """
    if body.count(b"{") > _OBJECTS_MAX:
        raise RequestTooLarge(
            f"the request holds more than {_OBJECTS_MAX} JSON objects: send fewer spans at a time"
        )


def _spans(body: bytes) -> Iterator[tuple[int, int]]:
    for resource_spans in _submessages(body, 0, len(body), number=1):
        for scope_spans in _submessages(body, *resource_spans, number=2):
            yield from _submessages(body, *scope_spans, number=2)


def _submessages(body: bytes, start: int, end: int, *, number: int) -> Iterator[tuple[int, int]]:
    """Yield where each field `number` of the message between `start` and `end` has its content."""
    try:
        while start < end:
            tag, start = _varint(body, start)
            match tag & 7:  # the wire type
                case 0:
                    _, start = _varint(body, start)
                case 1:
                    start += 8
                case 2:
                    length, start = _varint(body, start)
                    if tag >> 3 == number:
                        yield start, min(start + length, end)
                    start += length
                case 5:
                    start += 4
                # Groups have no length: what is in them is looked at as if it stood here.
    except IndexError:
        return  # cut off, as the parser will find


def _varint(body: bytes, start: int) -> tuple[int, int]:
    value = 0
    for index in range(10):
        byte = body[start + index]
        value |= (byte & 127) << 7 * index
        if byte < 128:
            return value, start + index + 1
    raise IndexError("a varint has no more than ten bytes")
