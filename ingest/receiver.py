"""
receive → validate → publish: what happens to every request, however it came.

The promise: a request is answered with success only after the buffer has its spans durably, so a
span that was acknowledged is never lost. Whatever goes wrong before that is answered with an
error, and one that is worth a retry says so. The buffer may have a record although its
confirmation was late; the exporter's retry then makes a second one, which the store counts once.
Received spans = accepted + rejected (told by partial success) + refused (to be sent again).
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AbstractContextManager
from typing import Literal

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from buffer.port import Producer
from ingest.admission import Gate, Request
from ingest.publisher import Publisher
from ingest.stamp import Stamp
from runtime import events
from runtime.config import IngestConfig
from schemas.otlp.json_validation import validate_json
from schemas.otlp.validation import Validated, validate

Encoding = Literal["protobuf", "json"]

# Smaller bodies are validated in a millisecond or two; a thread for each would cost more.
_INLINE_BYTES_MAX = 512 * 1024


class Receiver:
    """Takes requests from all transports of a process, and publishes them."""

    def __init__(self, producer: Producer, config: IngestConfig) -> None:
        self._publisher = Publisher(producer, seconds_max=config.publish_seconds_max)
        self._gate = Gate(config.inflight_bytes_max)
        self._stamp = Stamp()
        # A parsed request takes several times its bytes: large ones take turns.
        self._large = asyncio.Lock()

    def admit(self, transport: str) -> AbstractContextManager[Request]:
        """Let a request in. It ends, and is counted, when the context does."""
        return self._gate.admit(transport)

    async def export(
        self, request: Request, body: bytes, *, project: str, encoding: Encoding = "protobuf"
    ) -> ExportTraceServiceResponse:
        """
        Receive, validate and publish an ExportTraceServiceRequest.

        Raises:
            InvalidRequest: the body is no such request.
            BufferUnavailable: the buffer did not take it, or not in time.
        """
        started = time.perf_counter()
        received_ns = self._stamp.next_ns()  # receive
        validated = await self._validate(body, encoding)  # validate
        request.spans = validated.received
        if validated.published:
            validated = await self._publisher.publish(  # publish
                validated, project=project, received_ns=received_ns
            )
        _count(request, validated, seconds=time.perf_counter() - started)
        return _response(validated)

    async def _validate(self, body: bytes, encoding: Encoding) -> Validated:
        check = validate_json if encoding == "json" else validate
        if len(body) <= _INLINE_BYTES_MAX:
            return check(body)
        async with self._large:
            return await asyncio.to_thread(check, body)


def _count(request: Request, validated: Validated, *, seconds: float) -> None:
    events.request_accepted(transport=request.transport, spans=validated.accepted, seconds=seconds)
    if validated.rejections.total:
        events.spans_rejected(validated.rejections.counts)
    if validated.repairs:
        events.request_repaired(validated.repairs)


def _response(validated: Validated) -> ExportTraceServiceResponse:
    """OTLP (Partial Success): the field is unset where all spans were accepted."""
    if not validated.rejections.total:
        return ExportTraceServiceResponse()
    return ExportTraceServiceResponse(
        partial_success=ExportTracePartialSuccess(
            rejected_spans=validated.rejections.total,
            error_message=validated.rejections.message(received=validated.received),
        )
    )
