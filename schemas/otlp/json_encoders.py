"""
From JSON values to protobuf's wire format, an encoder for each field, compiled from descriptors.

Writing the wire format directly is several times faster than filling message objects, and
the request must be bytes in the end anyway.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from schemas.otlp.wire import FIXED32, FIXED64, LENGTH, VARINT, length_field, tag, varint

Encoder = Callable[[Any], bytes]  # from a field's JSON value to the whole field, tag and all

_ID_BYTES = {"trace_id": 16, "span_id": 8, "parent_span_id": 8}


class WrongType(Exception):
    """A JSON value is not what its field holds. `path` leads to it by keys."""

    def __init__(self, expected: str, *, path: str = "") -> None:
        super().__init__(expected)
        self.expected = expected
        self.path = path

    def within(self, key: str) -> WrongType:
        """Return the same error, as seen from the object that has `key`."""
        return WrongType(self.expected, path=f"{key}.{self.path}" if self.path else key)

    def __str__(self) -> str:
        return f"{self.path or 'it'} must be {self.expected}"


class Fields(dict[str, Encoder]):
    """A message's encoders by key. AnyValue is one oneof: the last field holds."""

    is_oneof = False


def encode_fields(value: Any, fields: Fields) -> bytes:
    """Encode a JSON object: unknown keys are ignored, null is absent, of a oneof the last holds."""
    if type(value) is not dict:
        raise WrongType("an object")
    encoded, key = [], ""
    try:
        for key, item in value.items():
            if item is not None and (encode := fields.get(key)):
                encoded.append(encode(item))
    except WrongType as error:
        raise error.within(key) from None
    return b"".join(encoded[-1:] if fields.is_oneof else encoded)


def fields_of(descriptor: Descriptor) -> Fields:
    """Compile the encoders of a message, and of all the messages in it."""
    return _compile(descriptor, {})


def _compile(descriptor: Descriptor, known: dict[str, Fields]) -> Fields:
    if descriptor.full_name not in known:
        # Known before it is filled: AnyValue holds itself.
        fields = known[descriptor.full_name] = Fields()
        fields.is_oneof = bool(descriptor.oneofs)
        for field in descriptor.fields:
            fields[field.json_name] = _encoder(field, known)
    return known[descriptor.full_name]


def _encoder(field: FieldDescriptor, known: dict[str, Fields]) -> Encoder:
    if field.message_type is not None:
        encode = _message(field.number, _compile(field.message_type, known))
    elif size := _ID_BYTES.get(field.name):
        encode = _text(_id(size))(field.number)
    else:
        encode = _SCALARS[field.type](field.number)
    return _repeated(encode) if field.is_repeated else encode


def _repeated(encode: Encoder) -> Encoder:
    def encode_all(values: Any) -> bytes:
        if type(values) is not list:
            raise WrongType("a list")
        return b"".join([encode(value) for value in values if value is not None])

    return encode_all


def _heads(number: int) -> tuple[bytes, list[bytes]]:
    """Return the tag of a field that has a length, and the tag with each length up to 127."""
    head = tag(number, LENGTH)
    return head, [head + varint(size) for size in range(128)]


def _message(number: int, fields: Fields) -> Encoder:
    head, heads = _heads(number)

    def encode(value: Any) -> bytes:
        content = encode_fields(value, fields)
        size = len(content)
        return (heads[size] if size < 128 else head + varint(size)) + content

    return encode


def _string(number: int) -> Encoder:
    head, heads = _heads(number)

    def encode(value: Any) -> bytes:
        if type(value) is not str:
            raise WrongType("a string")
        content = value.encode()
        size = len(content)
        return (heads[size] if size < 128 else head + varint(size)) + content

    return encode


def _text(content: Encoder) -> Callable[[int], Encoder]:
    """Return the encoder of bytes that JSON holds as text of some kind."""
    return lambda number: lambda value: length_field(number, content(value))


def _id(size: int) -> Encoder:
    """
    Return the encoder of ids of `size` bytes: hex, or padded base64 of exactly that size, which old
    SDKs for Swift and PHP write (opentelemetry-swift#537, opentelemetry-php#969).
    """

    def encode(value: Any) -> bytes:
        try:
            encoded = bytes.fromhex(value)
        except (TypeError, ValueError):
            return _padded_base64(value, size)
        if len(value) != 2 * len(encoded):  # fromhex() skips whitespace
            raise WrongType("hex digits")
        return encoded

    return encode


def _padded_base64(value: Any, size: int) -> bytes:
    try:
        encoded = base64.b64decode(value, validate=True) if value.endswith("=") else b""
    except (AttributeError, ValueError):
        encoded = b""
    if len(encoded) != size:
        raise WrongType("hex digits")
    return encoded


def _base64(value: Any) -> bytes:
    try:
        standard = value.replace("-", "+").replace("_", "/").rstrip("=")
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (AttributeError, ValueError):
        raise WrongType("base64") from None


def _bool(number: int) -> Encoder:
    head = tag(number, VARINT)

    def encode(value: Any) -> bytes:
        if type(value) is not bool:
            raise WrongType("true or false")
        return head + (b"\1" if value else b"\0")

    return encode


def _double(number: int) -> Encoder:
    head, pack = tag(number, FIXED64), struct.Struct("<d").pack

    def encode(value: Any) -> bytes:
        if type(value) is bool or (type(value) is str and "_" in value):
            raise WrongType("a number")
        try:
            return head + pack(float(value))  # "NaN" and "Infinity" too
        except (TypeError, ValueError, OverflowError):
            raise WrongType("a number") from None

    return encode


def _fixed(wire_type: int, layout: str) -> Callable[[int], Encoder]:
    pack = struct.Struct(layout).pack

    def encoder(number: int) -> Encoder:
        head = tag(number, wire_type)

        def encode(value: Any) -> bytes:
            try:
                return head + pack(_integer(value))
            except struct.error:
                raise WrongType(f"an integer from 0 to 2^{8 * len(pack(0))} - 1") from None

        return encode

    return encoder


def _variable(low: int, high: int, *, text: bool = True) -> Callable[[int], Encoder]:
    def encoder(number: int) -> Encoder:
        head = tag(number, VARINT)

        def encode(value: Any) -> bytes:
            integer = _integer(value) if text or type(value) is not str else high + 1
            if not low <= integer <= high:
                raise WrongType(f"an integer from {low} to {high}")
            return head + varint(integer & 0xFFFF_FFFF_FFFF_FFFF)  # negatives as 64-bit complement

        return encode

    return encoder


def _integer(value: Any) -> int:
    """Read a number or a decimal string. 1e3 is an integer to JSON, and so to protobuf."""
    try:
        integer = int(value)
    except (TypeError, ValueError, OverflowError):
        raise WrongType("an integer") from None
    if type(value) is str:
        if not (value.isascii() and value.removeprefix("-").isdigit()):  # int() takes more
            raise WrongType("an integer")
    elif type(value) is bool or (type(value) is float and value != integer):
        raise WrongType("an integer")
    return integer


_SCALARS: dict[int, Callable[[int], Encoder]] = {
    FieldDescriptor.TYPE_STRING: _string,
    FieldDescriptor.TYPE_BYTES: _text(_base64),
    FieldDescriptor.TYPE_BOOL: _bool,
    FieldDescriptor.TYPE_DOUBLE: _double,
    FieldDescriptor.TYPE_FIXED64: _fixed(FIXED64, "<Q"),
    FieldDescriptor.TYPE_FIXED32: _fixed(FIXED32, "<I"),
    FieldDescriptor.TYPE_INT64: _variable(-(2**63), 2**63 - 1),
    FieldDescriptor.TYPE_INT32: _variable(-(2**31), 2**31 - 1),
    FieldDescriptor.TYPE_UINT32: _variable(0, 2**32 - 1),
    FieldDescriptor.TYPE_ENUM: _variable(-(2**31), 2**31 - 1, text=False),  # names are not allowed
}
