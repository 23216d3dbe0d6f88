"""
Cutting items out of a request that are no protobuf, or nest too deeply for it: nothing valid is
refused for its neighbours. By the lengths on the wire, since the request as a whole cannot be
parsed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from google.protobuf.message import DecodeError

from schemas.otlp.rejections import Rejections
from schemas.otlp.signals import IN_REQUEST, IN_RESOURCE, IN_SCOPE, alone
from schemas.otlp.wire import length_field, submessages

# A sender that is broken in a way of its own makes few; more are somebody's trial of us.
_UNREADABLE_MAX = 1000
_PATH = (IN_REQUEST, IN_RESOURCE, IN_SCOPE)


def without_unreadable(
    body: bytes, rejections: Rejections, is_readable: Callable[[bytes], bool]
) -> bytes:
    """
    Return a request without the items of which `is_readable` says that a request of nothing else
    could not be read.

    Raises:
        DecodeError: none can be read, too many cannot, or what is around them cannot.
    """
    kept = 0
    unreadable: list[bytes] = []

    def keep(item: bytes) -> bool:
        nonlocal kept
        if is_readable(alone(item)):
            kept += 1
            return True
        unreadable.append(item)
        if len(unreadable) > _UNREADABLE_MAX:
            raise DecodeError("hardly anything can be read")
        return False

    if _filtered(body, 0, len(body), _PATH, lambda _: True) != body:
        raise DecodeError("lengths that go beyond what they are in")  # it was cut off
    rest = _filtered(body, 0, len(body), _PATH, keep)
    if not kept or not is_readable(rest):
        raise DecodeError("nothing can be read")
    for item in unreadable:
        rejections.add(
            "unreadable", name="", found=f"{len(item)} bytes", alone=partial(alone, item)
        )
    return rest


def _filtered(
    body: bytes, start: int, end: int, path: tuple[int, ...], keep: Callable[[bytes], bool]
) -> bytes:
    """Return the message between `start` and `end` with those items below it that are to stay."""
    number, *deeper = path
    pieces = []
    for begin, content, after in submessages(body, start, end, number=number):
        pieces.append(body[start:begin])
        start = after
        if deeper:
            inner = _filtered(body, content, after, tuple(deeper), keep)
            pieces.append(length_field(number, inner))
        elif keep(body[content:after]):
            pieces.append(body[begin:after])
    pieces.append(body[start:end])
    return b"".join(pieces)
