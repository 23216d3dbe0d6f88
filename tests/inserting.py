"""Spans of all sorts put into a store as a worker puts them, without a pipeline around it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status

from buffer.port import ConsumedRecord, Record
from runtime.config import SessionsConfig, TimesConfig
from schemas.envelope import Envelope
from store.client import Store
from tests import processes, samples
from workers.batch import Batch
from workers.inserter import Inserter

NOW_NS = 1_795_391_999 * 10**9

Attributes = Mapping[str, Any]


@dataclass(frozen=True)
class Sent:
    """A span, as far as its meaning goes."""

    attributes: Attributes = field(default_factory=dict)
    resource: Attributes = field(default_factory=dict)
    scope: tuple[str, str] = ("tests", "")
    name: str = "span"
    is_error: bool = False
    events: Sequence[tuple[str, Attributes]] = ()


def insert(store: processes.Store, sent: Iterable[Sent]) -> str:
    """Insert spans, with ids in their order; return the project that they are in."""
    project = f"inserted-{secrets.token_hex(4)}"
    request = ExportTraceServiceRequest(
        resource_spans=[_resource_spans(number, each) for number, each in enumerate(sent, 1)]
    )
    envelope = Envelope(
        project=project, received_ns=NOW_NS, spans=len(request.resource_spans)
    ).to_headers()
    record = Record(value=request.SerializeToString(), headers=envelope)
    consumed = ConsumedRecord(partition=0, offset=0, appended_at_ns=0, record=record)

    async def run() -> None:
        async with Store(store.config) as client:
            inserter = Inserter(client, sessions=SessionsConfig(), times=TimesConfig())
            await inserter.insert(Batch.of([consumed]))

    asyncio.run(run())
    return project


def _resource_spans(number: int, sent: Sent) -> ResourceSpans:
    span = samples.span(
        number,
        name=sent.name,
        start_time_unix_nano=NOW_NS,
        end_time_unix_nano=NOW_NS,
        attributes=_key_values(sent.attributes),
        status=Status(code=Status.STATUS_CODE_ERROR if sent.is_error else Status.STATUS_CODE_UNSET),
        events=[Span.Event(name=n, attributes=_key_values(a)) for n, a in sent.events],
    )
    name, version = sent.scope
    scope = ScopeSpans(scope=InstrumentationScope(name=name, version=version), spans=[span])
    return ResourceSpans(
        resource=Resource(attributes=_key_values(sent.resource)), scope_spans=[scope]
    )


def _key_values(attributes: Attributes) -> list[KeyValue]:
    return [KeyValue(key=key, value=_any(value)) for key, value in attributes.items()]


def _any(value: Any) -> AnyValue:
    match value:
        case str():
            return samples.text(value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case _:
            return samples.array(*map(_any, value))
