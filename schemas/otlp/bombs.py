"""
Requests that would take a hundred times their bytes in memory once parsed, or minutes to look
through: refused unparsed.

An empty message is two bytes on the wire, some 50 as an object, and some 300 with what Python makes
of a span, a scope or a resource. Real spans take 100 bytes or more, and real attributes 10, so none
of these limits is met by a real request of the size that OTLP recommends as the largest.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import islice

from google.protobuf.descriptor import Descriptor

from runtime.errors import RequestTooLarge
from schemas.otlp.wire import FIXED32, FIXED64, LENGTH, VARINT, read_varint, submessages

_ITEMS_MAX = 1_000_000
_MESSAGES_MAX = 8_000_000
_OBJECTS_MAX = 4_000_000
_COMMAS_MAX = 10_000_000
_SIZES = defaultdict(int, {FIXED64: 8, FIXED32: 4})  # a group's ends have none


class Messages(dict[int, "Messages"]):
    """The tags of a message's fields that hold messages, and the same of these."""

    first_bytes = b""  # of any such tag, however it is written: of a whole request alone


def messages_of(descriptor: Descriptor) -> Messages:
    """Return the tags of a message's fields that hold messages, all the way down."""
    known: dict[str, Messages] = {}
    root = _messages_of(descriptor, known)
    tags = {tag for found in known.values() for tag in found}
    root.first_bytes = bytes({tag & 127 | 128 for tag in tags} | {tag for tag in tags if tag < 128})
    return root


def _messages_of(descriptor: Descriptor, known: dict[str, Messages]) -> Messages:
    if descriptor.full_name not in known:
        found = known[descriptor.full_name] = Messages()  # AnyValue holds itself
        for field in descriptor.fields:
            if field.message_type is not None:
                found[field.number << 3 | LENGTH] = _messages_of(field.message_type, known)
    return known[descriptor.full_name]


def refuse_bomb(body: bytes, messages: Messages) -> None:
    """
    Look for too many items, or messages of any kind, in an encoded request, by the lengths on its
    wire alone. `messages` are the tags of such a request.

    Raises:
        RequestTooLarge: there are more than a million resources, scopes and items, or more than
            eight million messages of any kind.
    """
    if len(body) // 2 > _ITEMS_MAX and any(islice(_items(body), _ITEMS_MAX, None)):
        raise RequestTooLarge(
            f"the request holds more than {_ITEMS_MAX} spans or log records: send fewer at a time"
        )
    if _messages_at_most(body, messages) > _MESSAGES_MAX and _has_more(
        body, messages, _MESSAGES_MAX
    ):
        raise RequestTooLarge(
            f"the request holds more than {_MESSAGES_MAX} attributes, values and other messages:"
            " send fewer at a time"
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
    """Yield something for each resource, scope and item."""
    for _, *resource in submessages(body, 0, len(body), number=1):
        yield resource
        for _, *scope in submessages(body, *resource, number=2):
            yield scope
            yield from submessages(body, *scope, number=2)


def _messages_at_most(body: bytes, messages: Messages) -> int:
    """Return a bound of how many messages a request holds, in a millisecond for each MiB."""
    if len(body) // 2 <= _MESSAGES_MAX:
        return len(body) // 2
    return len(body) - len(body.translate(None, delete=messages.first_bytes))


def _has_more(body: bytes, messages: Messages, limit: int) -> bool:
    """Tell whether a request holds more than so many messages. What is cut off ends early."""
    count = position = 0
    end, fields = len(body), messages
    around: list[tuple[int, Messages]] = []
    try:
        while position < end or around:
            if position >= end:
                end, fields = around.pop()
                continue
            tag, position = body[position], position + 1
            if tag > 127:
                tag, position = read_varint(body, position - 1)
            if tag & 7 != LENGTH:
                position = _after_scalar(body, position, tag & 7)
                continue
            length, position = body[position], position + 1
            if length > 127:
                length, position = read_varint(body, position - 1)
            inner = fields.get(tag)
            if inner is None:
                position += length
                continue
            count += 1
            if count > limit:
                return True
            around.append((end, fields))
            end, fields = min(position + length, end), inner
    except IndexError:
        pass
    return False


def _after_scalar(body: bytes, position: int, wire_type: int) -> int:
    return read_varint(body, position)[1] if wire_type == VARINT else position + _SIZES[wire_type]
