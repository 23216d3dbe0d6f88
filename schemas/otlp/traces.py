"""Traces: what a valid span is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from schemas.otlp.rejections import Rejections
from schemas.otlp.signals import Sifted, Signal, alone_message

_NO_TRACE = bytes(16)
_NO_SPAN = bytes(8)


class Traces(Signal):
    """Spans, each known by its two ids."""

    name = "traces"
    item = "span"
    reasons: Mapping[str, str] = {
        "trace_id": "with a trace_id that is not 16 bytes (32 hex digits in JSON) or all zero",
        "span_id": "with a span_id that is not 8 bytes (16 hex digits in JSON) or all zero",
        "parent_span_id": "with a parent_span_id that is neither empty nor 8 bytes (16 hex digits)",
    }

    def __init__(self) -> None:
        super().__init__(ExportTraceServiceRequest, ExportTraceServiceResponse)

    def title(self, item: Any) -> str:
        """Return a span's name."""
        return str(item.name)

    def sift(self, request: Any, rejections: Rejections) -> Sifted:
        """
        Leave out invalid spans, and all but the last of those with the same ids: a record has one
        version.
        """
        seen: set[bytes] = set()
        superseded = orphaned = 0
        scopes = [scope for resource in request.resource_spans for scope in resource.scope_spans]
        for scope in reversed(scopes):
            kept = []
            for span in scope.spans[::-1]:  # the last version comes first
                trace_id, span_id, parent_span_id = span.trace_id, span.span_id, span.parent_span_id
                if reason := _invalid(trace_id, span_id, parent_span_id):
                    found, alone = _found(span, reason), partial(alone_message, span)
                    rejections.add(reason, name=span.name, found=found, alone=alone)
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
        return Sifted(len(seen), superseded, ("parent_span_id",) if orphaned else ())

    def values(self, item: Any) -> Iterator[Any]:
        """Yield the values of a span's attributes, and of its events' and links'."""
        for holder in (item, *item.events, *item.links):
            yield from (attribute.value for attribute in holder.attributes)


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


TRACES = Traces()
