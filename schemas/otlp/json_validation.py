"""
OTLP/JSON → the same request as protobuf, by encoders that are compiled from OTLP's descriptors.

`google.protobuf.json_format` is five times slower and follows other rules. OTLP's (JSON Protobuf
Encoding): ids are hex in any case, enums are integers, 64-bit integers are numbers or strings, keys
are lowerCamelCase, and unknown ones are ignored. Ids in base64, as old SDKs write them, are taken
where they cannot be meant as hex.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import orjson

from runtime.errors import InvalidRequest
from schemas.otlp.bombs import refuse_json_bomb
from schemas.otlp.json_encoders import WrongType, encode_fields
from schemas.otlp.rejections import Rejections
from schemas.otlp.signals import IN_REQUEST, IN_RESOURCE, IN_SCOPE, Signal
from schemas.otlp.traces import TRACES
from schemas.otlp.validation import Validated, validate
from schemas.otlp.wire import length_field

_REASONS = {"traceId": "trace_id", "spanId": "span_id", "parentSpanId": "parent_span_id"}


_JSON_WHITESPACE = b" \t\r\n"
_SCOPES_TAG = b"\x12"


def is_json(value: bytes) -> bool:
    """
    Tell JSON from protobuf, in which a brace first would open a group, and OTLP has no groups. A
    brace behind whitespace may be protobuf too: a newline is the tag of a request's resources, and
    their length may be 123. But these have scopes, whose tag is nowhere in JSON.
    """
    return value.startswith(b"{") or (
        value.lstrip(_JSON_WHITESPACE).startswith(b"{") and _SCOPES_TAG not in value
    )


def validate_json(body: bytes, signal: Signal = TRACES) -> Validated:
    """
    Validate a request in JSON. A value of the wrong type rejects its item alone.

    Raises:
        InvalidRequest: it is no such request.
    """
    rejections = signal.rejections()
    try:
        with _no_search_for_cycles():
            tree, repairs = loads(body)
            encoded = _request(tree, signal, rejections)
    except WrongType as error:
        name = signal.request.DESCRIPTOR.name
        raise InvalidRequest(f"not an OTLP {name} in JSON: {error}") from error
    except RecursionError as error:
        raise InvalidRequest("an attribute of a resource or scope nests too deeply") from error
    return validate(encoded, signal, rejections=rejections, repairs=repairs)


@contextmanager
def _no_search_for_cycles() -> Iterator[None]:
    """
    Keep Python from looking for garbage. A tree of JSON has no cycles, and is so many objects that
    to look for some in it, again and again, costs more than to read it.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def loads(body: bytes) -> tuple[Any, Iterable[str]]:
    """
    Return what a JSON body says, and what had to be repaired in it.

    Raises:
        InvalidRequest: it is not JSON, or holds too many objects.
    """
    refuse_json_bomb(body)
    try:
        return orjson.loads(body), ()
    except orjson.JSONDecodeError as error:
        try:
            return _loads_leniently(body), ("utf8",)
        except (ValueError, RecursionError):
            raise InvalidRequest(f"the body is not JSON: {error}") from error


def _loads_leniently(body: bytes) -> Any:
    """Put U+FFFD for bytes that are not UTF-8, and for halves of surrogate pairs."""
    tree = json.loads(body.decode(errors="replace"))
    text = json.dumps(tree, ensure_ascii=False).encode("utf-16", "surrogatepass")
    return orjson.loads(text.decode("utf-16", "replace"))


def _request(tree: Any, signal: Signal, rejections: Rejections) -> bytes:
    return b"".join(
        length_field(IN_REQUEST, _resource(resource, signal, rejections))
        for resource in _items(tree, signal.resources.key)
    )


def _resource(tree: Any, signal: Signal, rejections: Rejections) -> bytes:
    scopes = [
        length_field(IN_RESOURCE, _scope(scope, signal, rejections))
        for scope in _items(tree, signal.scopes.key)
    ]
    return encode_fields(tree, signal.resources.fields) + b"".join(scopes)


def _scope(tree: Any, signal: Signal, rejections: Rejections) -> bytes:
    encoded = []
    fields = signal.items.fields
    for item in _items(tree, signal.items.key):
        try:
            encoded.append(length_field(IN_SCOPE, encode_fields(item, fields)))
        except WrongType as error:
            _reject(item, signal, rejections, reason=_REASONS.get(error.path, "json"), found=error)
        except RecursionError as error:
            _reject(item, signal, rejections, reason="unreadable", found=error)
    return encode_fields(tree, signal.scopes.fields) + b"".join(encoded)


def _reject(
    item: Any, signal: Signal, rejections: Rejections, *, reason: str, found: Exception
) -> None:
    named = item if isinstance(item, dict) else {}
    name = str(named.get("name") or named.get("eventName") or "")
    alone = partial(_alone, item, signal)
    rejections.add(reason, name=name, found=str(found), alone=alone)


def _alone(item: Any, signal: Signal) -> bytes:
    """Return a request in JSON that holds nothing but an item."""
    scope = {signal.scopes.key: [{signal.items.key: [item]}]}
    try:
        return orjson.dumps({signal.resources.key: [scope]})
    except TypeError:  # it nests deeper than orjson writes
        return b""


def _items(tree: Any, key: str) -> list[Any]:
    """Take the list at `key` out of an object: what remains is for the object's own encoders."""
    if not isinstance(tree, dict):
        raise WrongType("an object")
    items = tree.pop(key, None)
    if items is None:
        return []
    if not isinstance(items, list):
        raise WrongType("a list", path=key)
    return [item for item in items if item is not None]
