"""
Validation: from the bytes of a request to the bytes that are published.

When all is well these are the very same bytes, after one parse and one look at each span's ids.
An invalid span is left out alone; what the store could not hold is repaired (repair.py).
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
from schemas.otlp.variants import LimitedRequest

_NO_TRACE = bytes(16)
_NO_SPAN = bytes(8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Validated:
    """What is left of a request: `body` holds `published` spans and is worth publishing if any."""

    body: bytes
    published: int
    superseded: int  # earlier versions of spans that came twice: accepted, and not published
    rejections: Rejections
    repairs: frozenset[str]

    @property
    def accepted(self) -> int:
        """How many spans are acknowledged."""
        return self.published + self.superseded

    @property
    def received(self) -> int:
        """How many spans the request had."""
        return self.accepted + self.rejections.total


def validate(
    body: bytes, *, rejections: Rejections | None = None, repairs: Iterable[str] = ()
) -> Validated:
    """
    Validate an encoded ExportTraceServiceRequest, of which a decoder may have left out spans.

    Raises:
        InvalidRequest: it is no such request, or holds too many spans.
    """
    refuse_bomb(body)
    rejections = rejections or Rejections()
    already_rejected = rejections.total
    request, repaired = _parse(body)
    published, superseded, orphaned = _sift(request, rejections)
    if orphaned:
        repaired.append("parent_span_id")
    if repaired or superseded or rejections.total > already_rejected:
        body = request.SerializePartialToString()
    return Validated(
        body=body,
        published=published,
        superseded=superseded,
        rejections=rejections,
        repairs=frozenset((*repairs, *repaired)),
    )


def _parse(body: bytes) -> tuple[Any, list[str]]:
    """Return the request as a message that the store can hold, and what was repaired in it."""
    repairs = []
    try:
        try:
            request = LimitedRequest.FromString(body)
        except DecodeError:
            request = LimitedRequest.FromString(replace_invalid_utf8(body))
            repairs.append("utf8")
        if not request.IsInitialized():
            flatten_nested(request)
            repairs.append("nesting")
    except DecodeError as error:
        raise InvalidRequest(
            "not an OTLP ExportTraceServiceRequest (or nested more than 100 messages deep): "
            "send the spans of an OTLP exporter, as protobuf or JSON, to /v1/traces"
        ) from error
    return request, repairs


def _sift(request: Any, rejections: Rejections) -> tuple[int, int, int]:
    """
    Leave out invalid spans, and all but the last of those with the same ids: a record has one
    version. Return how many spans were kept, superseded, and freed of a parent of zeros.
    """
    seen: set[bytes] = set()
    superseded = orphaned = 0
    scopes = [scope for resource in request.resource_spans for scope in resource.scope_spans]
    for scope in reversed(scopes):
        kept = []
        for span in scope.spans[::-1]:  # the last version comes first
            trace_id, span_id, parent_span_id = span.trace_id, span.span_id, span.parent_span_id
            if reason := _invalid(trace_id, span_id, parent_span_id):
                rejections.add(reason, name=span.name, found=_found(span, reason))
                continue
            if parent_span_id == _NO_SPAN:
                span.ClearField("parent_span_id")
                orphaned += 1
            ids = trace_id + span_id
            if ids in seen:
                superseded += 1
                continue
            seen.add(ids)
            kept.append(span)
        if len(kept) < len(scope.spans):
            del scope.spans[:]
            scope.spans.extend(reversed(kept))
    return len(seen), superseded, orphaned


def _invalid(trace_id: bytes, span_id: bytes, parent_span_id: bytes) -> str | None:
    """Return the reason to reject a span with these ids (trace.proto says which are invalid)."""
    if len(trace_id) != 16 or trace_id == _NO_TRACE:
        return "trace_id"
    if len(span_id) != 8 or span_id == _NO_SPAN:
        return "span_id"
    if parent_span_id and len(parent_span_id) != 8:
        return "parent_span_id"
    return None


def _found(span: Any, field: str) -> str:
    return f"{field} {getattr(span, field)[:20].hex() or 'is empty'}"
