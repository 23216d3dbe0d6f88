"""Stored spans as OTLP in JSON, by the rules of OTLP's JSON Protobuf Encoding."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from cli.transfer.stored_spans import Attributes, StoredSpan

_KINDS = {"Internal": 1, "Server": 2, "Client": 3, "Producer": 4, "Consumer": 5}
_STATUS_CODES = {"Ok": 1, "Error": 2}

Json = dict[str, Any]


def line(spans: Iterable[StoredSpan]) -> bytes:
    """Return spans as a line of JSON: those of the same resource and scope share these."""
    resources: dict[Any, Json] = {}
    scopes: dict[Any, list[Json]] = {}
    for span in spans:
        resource = _key(span.resource), span.resource_schema_url
        scope = span.scope_name, span.scope_version, _key(span.scope_attributes)
        place = resource, scope, span.scope_schema_url
        if resource not in resources:
            resources[resource] = _without_empty(
                resource={"attributes": _attributes(span.resource)},
                schemaUrl=span.resource_schema_url,
            ) | {"scopeSpans": []}
        if place not in scopes:
            scopes[place] = []
            resources[resource]["scopeSpans"].append({**_scope(span), "spans": scopes[place]})
        scopes[place].append(_span(span))
    request = {"resourceSpans": list(resources.values())}
    return orjson.dumps(request, option=orjson.OPT_APPEND_NEWLINE)


def _key(attributes: Attributes) -> tuple[tuple[str, ...], tuple[str, ...]]:
    keys, values = attributes
    return tuple(keys), tuple(values)


def _scope(span: StoredSpan) -> Json:
    scope = _without_empty(
        name=span.scope_name,
        version=span.scope_version,
        attributes=_attributes(span.scope_attributes),
    )
    return {"scope": scope} | _without_empty(schemaUrl=span.scope_schema_url)


def _span(span: StoredSpan) -> Json:
    attributes, start_ns, end_ns = _as_told(span)
    status = _without_empty(
        code=_STATUS_CODES.get(span.status_code, 0), message=span.status_message
    )
    return {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        **_without_empty(
            parentSpanId=span.parent_span_id, traceState=span.trace_state, flags=span.flags
        ),
        "name": span.name,
        "kind": _KINDS.get(span.kind, 0),
        # 64 bits are more than JSON's numbers hold everywhere.
        "startTimeUnixNano": str(start_ns),
        "endTimeUnixNano": str(end_ns),
        **_without_empty(
            attributes=_attributes(attributes),
            droppedAttributesCount=span.dropped_attributes,
            events=_events(span),
            droppedEventsCount=span.dropped_events,
            links=_links(span),
            droppedLinksCount=span.dropped_links,
            status=status,
        ),
    }


def _as_told(span: StoredSpan) -> tuple[Attributes, int, int]:
    """
    Return attributes, start and end as they were sent. Where a time could not be, insert_spans.sql
    has put what was told behind the attributes.
    """
    keys, values = span.attributes
    if not span.time_repairs:
        return span.attributes, span.timestamp_ns, span.timestamp_ns + span.duration_ns
    return (keys[:-2], values[:-2]), int(values[-2]), int(values[-1])


def _events(span: StoredSpan) -> list[Json]:
    return [
        {"timeUnixNano": str(time_ns), "name": name, "attributes": _attributes(attributes)}
        for time_ns, name, attributes in zip(
            span.event_times_ns, span.event_names, span.event_attributes, strict=True
        )
    ]


def _links(span: StoredSpan) -> list[Json]:
    return [
        {"traceId": trace_id, "spanId": span_id, "attributes": _attributes(attributes)}
        | _without_empty(traceState=trace_state)
        for trace_id, span_id, trace_state, attributes in zip(
            span.link_trace_ids,
            span.link_span_ids,
            span.link_trace_states,
            span.link_attributes,
            strict=True,
        )
    ]


def _attributes(attributes: Attributes) -> Sequence[Json]:
    return [
        {"key": key, "value": {"stringValue": value}}
        for key, value in zip(*attributes, strict=True)
    ]


def _without_empty(**fields: Any) -> Json:
    return {name: value for name, value in fields.items() if value}
