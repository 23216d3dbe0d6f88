"""
Metrics and logs: accepted, counted and thrown away.

Exporters are often set up for all three signals at once, and fill their logs with errors where two
of them are refused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from ingest.receiver import Encoding
from runtime import events
from runtime.errors import InvalidRequest
from schemas.otlp.json_validation import loads


class Signal(NamedTuple):
    """A signal that is discarded, and the paths of keys that lead to what is counted."""

    name: str
    request: type[Message]
    paths: tuple[str, ...]


METRICS = Signal(
    "metrics",
    ExportMetricsServiceRequest,
    tuple(
        f"resourceMetrics.scopeMetrics.metrics.{kind}.dataPoints"
        for kind in ("gauge", "sum", "histogram", "exponentialHistogram", "summary")
    ),
)
LOGS = Signal("logs", ExportLogsServiceRequest, ("resourceLogs.scopeLogs.logRecords",))


async def discard(signal: Signal, body: bytes, encoding: Encoding) -> None:
    """
    Count what a request of `signal` holds, and forget it.

    Raises:
        InvalidRequest: the body is no such request.
    """
    count = await asyncio.to_thread(_count, signal, body, encoding)
    events.items_discarded(signal=signal.name, count=count)


def _count(signal: Signal, body: bytes, encoding: Encoding) -> int:
    root = _json(body) if encoding == "json" else _protobuf(signal, body)
    return sum(len(_items([root], path.split("."))) for path in signal.paths)


def _json(body: bytes) -> Any:
    tree, _ = loads(body)
    if not isinstance(tree, dict):
        raise InvalidRequest("the body is not a JSON object")
    return tree


def _protobuf(signal: Signal, body: bytes) -> Message:
    try:
        return signal.request.FromString(body)
    except DecodeError as error:
        raise InvalidRequest(f"not an OTLP request of {signal.name}: {error}") from error


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
