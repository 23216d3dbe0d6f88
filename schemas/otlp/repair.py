"""
Making storable what is valid OTLP, or nearly, but more than the store can hold.

Slow, and seldom needed: senders of UTF-8 and of flat attributes pay nothing.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterator
from typing import Any

import orjson
from google.protobuf.message import Message

from schemas.otlp.signals import Signal
from schemas.otlp.variants import STRING_FIELDS, LenientAnyValue


def replace_invalid_utf8(body: bytes, signal: Signal) -> bytes:
    """
    Return the request with U+FFFD wherever a string is not UTF-8.

    Raises:
        DecodeError: it is no OTLP in other ways too.
    """
    request = signal.lenient.FromString(body)
    _mend(request)
    mended: bytes = request.SerializeToString()
    return mended


def _mend(message: Message) -> None:
    for field, value in message.ListFields():
        if field.message_type is not None:
            for submessage in value if field.is_repeated else (value,):
                _mend(submessage)
        elif field.full_name in STRING_FIELDS:
            if field.is_repeated:
                value[:] = [_valid_utf8(text) for text in value]
            else:
                setattr(message, field.name, _valid_utf8(value))


def _valid_utf8(text: bytes) -> bytes:
    return text.decode(errors="replace").encode()


def flatten_nested(request: Any, signal: Signal) -> None:
    """
    Turn every value of a limited request that nests too deeply into JSON text.

    Raises:
        DecodeError: a value nests deeper than protobuf's own limit of 100 messages.
    """
    for value in _values(request, signal):
        if not value.IsInitialized():
            value.string_value = as_string(value.SerializePartialToString())


def _values(request: Any, signal: Signal) -> Iterator[Any]:
    for resource in getattr(request, signal.resources.name):
        yield from (attribute.value for attribute in resource.resource.attributes)
        for scope in getattr(resource, signal.scopes.name):
            yield from (attribute.value for attribute in scope.scope.attributes)
            for item in getattr(scope, signal.items.name):
                if not item.IsInitialized():
                    yield from signal.values(item)


def as_string(any_value: bytes) -> str:
    """Return an encoded AnyValue as the JSON text that a Collector's `Value.AsString` gives."""
    return orjson.dumps(_plain(LenientAnyValue.FromString(any_value))).decode()


def _plain(value: Any) -> object:
    """Return what JSON can say of an AnyValue of the lenient schema."""
    kind = value.WhichOneof("value")
    # Empty; or an index into a table that only profiles have, which counts as empty.
    return _PLAIN[kind](getattr(value, kind)) if kind in _PLAIN else None


def _number(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _text(value: bytes) -> str:
    return value.decode(errors="replace")


_PLAIN: dict[str, Callable[[Any], object]] = {
    "string_value": _text,
    "bool_value": bool,
    "int_value": int,
    "double_value": _number,
    "bytes_value": lambda value: base64.b64encode(value).decode(),
    "array_value": lambda array: [_plain(item) for item in array.values],
    "kvlist_value": lambda entries: {_text(kv.key): _plain(kv.value) for kv in entries.values},
}
