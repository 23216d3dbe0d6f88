"""
Metrics: accepted, counted and thrown away.

Exporters are often set up for all signals at once, and fill their logs with errors where one of
them is refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from ingest.receiver import Encoding
from runtime import events
from runtime.errors import InvalidRequest
from schemas.otlp.json_validation import loads

# The keys that lead to what is counted.
_PATHS = [
    f"resourceMetrics.scopeMetrics.metrics.{kind}.dataPoints".split(".")
    for kind in ("gauge", "sum", "histogram", "exponentialHistogram", "summary")
]


async def discard(body: bytes, encoding: Encoding) -> None:
    """
    Count what a request holds, and forget it.

    Raises:
        InvalidRequest: the body is no such request.
    """
    count = await asyncio.to_thread(_count, body, encoding)
    events.items_discarded(signal="metrics", count=count)


def _count(body: bytes, encoding: Encoding) -> int:
    root = _json(body) if encoding == "json" else _protobuf(body)
    return sum(len(_items([root], path)) for path in _PATHS)


def _json(body: bytes) -> Any:
    tree, _ = loads(body)
    if not isinstance(tree, dict):
        raise InvalidRequest("the body is not a JSON object")
    return tree


def _protobuf(body: bytes) -> Message:
    try:
        return ExportMetricsServiceRequest.FromString(body)
    except DecodeError as error:
        raise InvalidRequest(f"not an OTLP request of metrics: {error}") from error


def _items(nodes: list[Any], path: list[str]) -> list[Any]:
    for key in path:
        nodes = [child for node in nodes for child in _children(node, key)]
    return nodes


def _children(node: Any, key: str) -> Iterable[Any]:
    """Return what is at `key`, one or many, in a protobuf message or in a JSON object."""
    if isinstance(node, Message):
        field = node.DESCRIPTOR.fields_by_camelcase_name[key]
        value = getattr(node, field.name)
        return value if field.is_repeated else [value]
    value = (node.get(key) if isinstance(node, dict) else None) or []
    return value if isinstance(value, list) else [value]
