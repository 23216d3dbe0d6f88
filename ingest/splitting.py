"""
Splitting a request that is larger than a record may be: by resource, then scope, then span.

Nothing is parsed: spans are taken over as the bytes that they are, and each part gets whatever else
the request, its resource and its scope hold, unknown fields included.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from schemas.otlp.rejections import Rejections
from schemas.otlp.wire import length_field, submessages, varint

_IN_REQUEST = ExportTraceServiceRequest.RESOURCE_SPANS_FIELD_NUMBER
_IN_RESOURCE_SPANS = ResourceSpans.SCOPE_SPANS_FIELD_NUMBER
_IN_SCOPE_SPANS = ScopeSpans.SPANS_FIELD_NUMBER


class Part(NamedTuple):
    """An encoded ExportTraceServiceRequest, and how many spans it holds."""

    body: bytes
    spans: int


def split(body: bytes, *, bytes_max: int, rejections: Rejections) -> Iterator[Part]:
    """
    Yield a valid request as requests of `bytes_max` at most, each as full as the order of the spans
    allows. A span that is too large with its resource and scope alone is left out.
    """
    filling = _Filling(_without(body, 0, len(body), number=_IN_REQUEST))
    for _, *resource in submessages(body, 0, len(body), number=_IN_REQUEST):
        filling.open_resource(_without(body, *resource, number=_IN_RESOURCE_SPANS))
        for _, *scope in submessages(body, *resource, number=_IN_RESOURCE_SPANS):
            filling.open_scope(_without(body, *scope, number=_IN_SCOPE_SPANS))
            for begin, content, end in submessages(body, *scope, number=_IN_SCOPE_SPANS):
                size = end - begin
                if filling.size_with(size) > bytes_max:
                    if (alone := filling.size_of_one(size)) > bytes_max:
                        name = Span.FromString(body[content:end]).name
                        found = f"{alone} bytes, and {bytes_max} are the limit"
                        rejections.add("too_large", name=name, found=found)
                        continue
                    yield filling.take()
                filling.add(body[begin:end])
    if filling.spans:
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
        self.spans = 0
        self._request = _Level(request)
        self._resource = _Level(b"")
        self._scope = _Level(b"")

    def open_resource(self, resource: bytes) -> None:
        """Let what is added belong to a resource, given as ResourceSpans without scopes."""
        self._close_resource()
        self._resource = _Level(resource)

    def open_scope(self, scope: bytes) -> None:
        """Let what is added belong to a scope, given as ScopeSpans without spans."""
        self._close_scope()
        self._scope = _Level(scope)

    def size_with(self, span: int) -> int:
        """Return the size of the part once a span of so many bytes is added, tag included."""
        scope = _field_size(self._scope.size + span)
        return self._request.size + _field_size(self._resource.size + scope)

    def size_of_one(self, span: int) -> int:
        """Return the size of a part that holds nothing but such a span."""
        scope = _field_size(len(self._scope.own) + span)
        return len(self._request.own) + _field_size(len(self._resource.own) + scope)

    def add(self, span: bytes) -> None:
        """Add a span, tag included."""
        self._scope.add(span)
        self.spans += 1

    def take(self) -> Part:
        """Return the part as it is, and begin another within the same resource and scope."""
        self._close_resource()
        part = Part(self._request.take(), self.spans)
        self.spans = 0
        return part

    def _close_scope(self) -> None:
        if self._scope.children:
            self._resource.add(length_field(_IN_RESOURCE_SPANS, self._scope.take()))

    def _close_resource(self) -> None:
        self._close_scope()
        if self._resource.children:
            self._request.add(length_field(_IN_REQUEST, self._resource.take()))


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
