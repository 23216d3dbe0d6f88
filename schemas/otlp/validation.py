"""
Validation: from the bytes of a request to the bytes that are published.

When all is well these are the very same bytes, after one parse and one look at each item's ids.
An invalid item is left out alone; what the store could not hold is repaired (repair.py), and what
cannot even be read is cut out (unreadable.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from google.protobuf.message import DecodeError

from runtime.errors import InvalidRequest
from schemas.otlp.bombs import refuse_bomb
from schemas.otlp.rejections import Rejections
from schemas.otlp.repair import flatten_nested, replace_invalid_utf8
from schemas.otlp.signals import Signal
from schemas.otlp.traces import TRACES
from schemas.otlp.unreadable import without_unreadable


@dataclass(frozen=True, slots=True, kw_only=True)
class Validated:
    """What is left of a request: `body` holds `published` items and is worth publishing if any."""

    body: bytes
    published: int
    superseded: int  # earlier versions of spans that came twice: accepted, and not published
    rejections: Rejections
    repairs: frozenset[str]

    @property
    def accepted(self) -> int:
        """How many items are acknowledged."""
        return self.published + self.superseded

    @property
    def received(self) -> int:
        """How many items the request had."""
        return self.accepted + self.rejections.total


def validate(
    body: bytes,
    signal: Signal = TRACES,
    *,
    rejections: Rejections | None = None,
    repairs: Iterable[str] = (),
) -> Validated:
    """
    Validate an encoded request of `signal`, of which a decoder may have left out items.

    Raises:
        InvalidRequest: it is no such request, or holds too many items.
    """
    refuse_bomb(body, signal.messages)
    rejections = rejections or signal.rejections()
    already_rejected = rejections.total
    try:
        request, repaired = _parse(body, signal)
    except DecodeError as error:
        request, repaired = _parse_the_rest(body, signal, rejections, error)
    sifted = signal.sift(request, rejections)
    repaired += sifted.repairs
    if repaired or sifted.superseded or rejections.total > already_rejected:
        body = request.SerializePartialToString()
    return Validated(
        body=body,
        published=sifted.kept,
        superseded=sifted.superseded,
        rejections=rejections,
        repairs=frozenset((*repairs, *repaired)),
    )


def _parse(body: bytes, signal: Signal) -> tuple[Any, list[str]]:
    """
    Return the request as a message that the store can hold, and what was repaired in it.

    Raises:
        DecodeError: it is no such request, or a value nests too deeply.
    """
    repairs = []
    try:
        request = signal.limited.FromString(body)
    except DecodeError:
        request = signal.limited.FromString(replace_invalid_utf8(body, signal))
        repairs.append("utf8")
    if not request.IsInitialized():
        flatten_nested(request, signal)
        repairs.append("nesting")
    return request, repairs


def _parse_the_rest(
    body: bytes, signal: Signal, rejections: Rejections, error: DecodeError
) -> tuple[Any, list[str]]:
    """Return what _parse() does, of a request without the items that cannot be read."""

    def is_readable(request: bytes) -> bool:
        try:
            _parse(request, signal)
        except DecodeError:
            return False
        return True

    try:
        return _parse(without_unreadable(body, rejections, is_readable), signal)
    except DecodeError:
        raise InvalidRequest(
            f"not an OTLP {signal.request.DESCRIPTOR.name} (or nested more than 100 messages deep):"
            f" send the {signal.item}s of an OTLP exporter, as protobuf or JSON, to"
            f" /v1/{signal.name}"
        ) from error
