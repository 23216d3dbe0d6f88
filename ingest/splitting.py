"""
Splitting a request that is larger than a record may be: by resource, then scope, then item.

Nothing is parsed: items are taken over as the bytes that they are, and each part gets whatever else
the request, its resource and its scope hold, unknown fields included.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

from schemas.otlp.rejections import Rejections
from schemas.otlp.signals import IN_REQUEST, IN_RESOURCE, IN_SCOPE, Signal, alone
from schemas.otlp.wire import length_field, submessages, varint


class Part(NamedTuple):
    """An encoded request, and how many items it holds."""

    body: bytes
    items: int


def split(body: bytes, signal: Signal, *, bytes_max: int, rejections: Rejections) -> Iterator[Part]:
    """
    Yield a valid request as requests of `bytes_max` at most, each as full as the order of the items
    allows. An item that is too large with its resource and scope alone is left out.
    """
    filling = _Filling(_without(body, 0, len(body), number=IN_REQUEST))
    for _, *resource in submessages(body, 0, len(body), number=IN_REQUEST):
        filling.open_resource(_without(body, *resource, number=IN_RESOURCE))
        for _, *scope in submessages(body, *resource, number=IN_RESOURCE):
            filling.open_scope(_without(body, *scope, number=IN_SCOPE))
            for begin, content, end in submessages(body, *scope, number=IN_SCOPE):
                size = end - begin
                if filling.size_with(size) > bytes_max:
                    if (least := filling.size_of_one(size)) > bytes_max:
                        item = body[content:end]
                        found = f"{least} bytes, and {bytes_max} are the limit"
                        rejections.add(
                            "too_large",
                            name=signal.title_of(item),
                            found=found,
                            alone=partial(alone, item),
                        )
                        continue
                    yield filling.take()
                filling.add(body[begin:end])
    if filling.items:
        yield filling.take()


def _without(body: bytes, start: int, end: int, *, number: int) -> bytes:
    """Return the message between `start` and `end` without what it holds in field `number`."""
    kept = []
    for begin, _, after in submessages(body, start, end, number=number):
        kept.append(body[start:begin])
        start = after
    kept.append(body[start:end])
    return b"".join(kept)


class _Filling:
    """The part that is being filled, whose exact size is known without writing it."""

    def __init__(self, request: bytes) -> None:
        self.items = 0
        self._request = _Level(request)
        self._resource = _Level(b"")
        self._scope = _Level(b"")

    def open_resource(self, resource: bytes) -> None:
        """Let what is added belong to a resource, given as a message without scopes."""
        self._close_resource()
        self._resource = _Level(resource)

    def open_scope(self, scope: bytes) -> None:
        """Let what is added belong to a scope, given as a message without items."""
        self._close_scope()
        self._scope = _Level(scope)

    def size_with(self, item: int) -> int:
        """Return the size of the part once an item of so many bytes is added, tag included."""
        scope = _field_size(self._scope.size + item)
        return self._request.size + _field_size(self._resource.size + scope)

    def size_of_one(self, item: int) -> int:
        """Return the size of a part that holds nothing but such an item."""
        scope = _field_size(len(self._scope.own) + item)
        return len(self._request.own) + _field_size(len(self._resource.own) + scope)

    def add(self, item: bytes) -> None:
        """Add an item, tag included."""
        self._scope.add(item)
        self.items += 1

    def take(self) -> Part:
        """Return the part as it is, and begin another within the same resource and scope."""
        self._close_resource()
        part = Part(self._request.take(), self.items)
        self.items = 0
        return part

    def _close_scope(self) -> None:
        if self._scope.children:
            self._resource.add(length_field(IN_RESOURCE, self._scope.take()))

    def _close_resource(self) -> None:
        self._close_scope()
        if self._resource.children:
            self._request.add(length_field(IN_REQUEST, self._resource.take()))


class _Level:
    """A message: the fields of its own, and the fields that hold its children so far."""

    def __init__(self, own: bytes) -> None:
        self.own = own
        self.size = len(own)
        self.children: list[bytes] = []

    def add(self, child: bytes) -> None:
        self.children.append(child)
        self.size += len(child)

    def take(self) -> bytes:
        """Return the message, and go on without children."""
        message = b"".join((self.own, *self.children))
        self.size = len(self.own)
        self.children = []
        return message


def _field_size(content: int) -> int:
    """Return the size of a field, with a tag of one byte, around so many bytes."""
    return 1 + len(varint(content)) + content
