"""
Protobuf's wire format, as far as it is read and written here without parsing: a message is a row of
fields, and what is concatenated is merged.
"""

from __future__ import annotations

from collections.abc import Iterator

# The kinds of fields.
VARINT, FIXED64, LENGTH, _GROUP, _, FIXED32 = range(6)


def varint(value: int) -> bytes:
    """Encode a number that is not negative."""
    if value < 128:
        return _SHORT_VARINTS[value]
    encoded = bytearray()
    while value >= 128:
        encoded.append(value & 127 | 128)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


_SHORT_VARINTS = [bytes((value,)) for value in range(128)]


def tag(number: int, wire_type: int) -> bytes:
    """Encode what stands before the content of field `number`."""
    return varint(number << 3 | wire_type)


def length_field(number: int, content: bytes) -> bytes:
    """Encode field `number` with `content`, be it text, bytes or a message."""
    return tag(number, LENGTH) + varint(len(content)) + content


def submessages(
    body: bytes, start: int, end: int, *, number: int
) -> Iterator[tuple[int, int, int]]:
    """
    Yield each field `number` of the message between `start` and `end` that can hold a message:
    where it begins, where its content begins, and where both end. What is cut off ends early.
    """
    depth = 0
    try:
        while start < end:
            begin = start
            field, start = read_varint(body, start)
            wire_type = field & 7
            if wire_type == LENGTH:
                length, content = read_varint(body, start)
                start = content + length
                if field >> 3 == number and not depth:
                    yield begin, content, min(start, end)
            elif wire_type == VARINT:
                _, start = read_varint(body, start)
            elif wire_type == FIXED64:
                start += 8
            elif wire_type == FIXED32:
                start += 4
            else:  # a group, which OTLP has none of: whatever is in one is unknown
                depth += 1 if wire_type == _GROUP else -1
    except IndexError:
        return


def read_varint(body: bytes, start: int) -> tuple[int, int]:
    """
    Return the number that is encoded at `start`, and where it ends.

    Raises:
        IndexError: it is cut off, or none.
    """
    value = 0
    for index in range(10):
        byte = body[start + index]
        value |= (byte & 127) << 7 * index
        if byte < 128:
            return value, start + index + 1
    raise IndexError("a varint has no more than ten bytes")
