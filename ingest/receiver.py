"""
receive → validate → publish: what happens to every request, however it came.

The promise: a request is answered with success only after the buffer has its spans or log records
durably, so what was acknowledged is never lost. Whatever goes wrong before that is answered with an
error, and one that is worth a retry says so. The buffer may have a record although its
confirmation was late; the exporter's retry then makes a second one, which the store counts once.
Received = accepted + rejected (told by partial success) + refused (to be sent again).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Literal

from buffer.port import Producer
from ingest.admission import Gate, Request
from ingest.publisher import Publisher
from ingest.rejected import Rejected
from ingest.stamp import Stamp
from runtime import events
from runtime.errors import InvalidRequest
from runtime.ingest_config import IngestConfig
from runtime.signals import SignalName
from schemas.otlp.json_validation import validate_json
from schemas.otlp.signals import Signal
from schemas.otlp.validation import Validated, validate

Encoding = Literal["protobuf", "json"]

# Smaller bodies are validated in a millisecond or two; a thread for each would cost more.
_INLINE_BYTES_MAX = 512 * 1024


class Receiver:
    """Takes requests from all transports of a process, and publishes them."""

    def __init__(
        self, producers: Mapping[SignalName, Producer], config: IngestConfig, *, rejected: Rejected
    ) -> None:
        """`producers` are where each signal goes, `rejected` is told what goes nowhere."""
        self._rejected = rejected
        self._publishers = {
            signal: Publisher(producer, seconds_max=config.publish_seconds_max)
            for signal, producer in producers.items()
        }
        self._gate = Gate(config)
        self._stamp = Stamp()
        # A parsed request takes several times its bytes: large ones take turns.
        self._large = asyncio.Lock()

    def admit(self, transport: str) -> AbstractContextManager[Request]:
        """Let a request in. It ends, and is counted, when the context does."""
        return self._gate.admit(transport)

    async def export(
        self,
        request: Request,
        body: bytes,
        signal: Signal,
        *,
        encoding: Encoding = "protobuf",
    ) -> Any:
        """
        Receive, validate and publish a request of a signal, and return the signal's response.

        Raises:
            InvalidRequest: the body is no such request.
            BufferUnavailable: the buffer did not take it, or not in time.
        """
        started = time.perf_counter()
        received_ns = self._stamp.next_ns()  # receive
        try:
            validated = await self._validate(body, signal, encoding)  # validate
        except InvalidRequest as error:
            self._rejected.note_request(error, body, signal.name, project=request.project)
            raise
        request.signal, request.items = signal.name, validated.received
        if validated.published:
            try:
                validated = await self._publishers[signal.name].publish(  # publish
                    validated, signal, project=request.project, received_ns=received_ns
                )
            finally:
                request.answered(len(body), seconds=time.perf_counter() - started)
        _count(request, signal, validated, seconds=time.perf_counter() - started)
        self._rejected.note_items(validated.rejections, signal.name, project=request.project)
        return signal.response_to(
            validated.rejections, received=validated.received, repairs=validated.repairs
        )

    async def _validate(self, body: bytes, signal: Signal, encoding: Encoding) -> Validated:
        check = validate_json if encoding == "json" else validate
        if len(body) <= _INLINE_BYTES_MAX:
            return check(body, signal)
        async with self._large:
            return await asyncio.to_thread(check, body, signal)


def _count(request: Request, signal: Signal, validated: Validated, *, seconds: float) -> None:
    events.request_accepted(
        signal=signal.name,
        transport=request.transport,
        items=validated.accepted,
        seconds=seconds,
    )
    if validated.rejections.total:
        events.items_rejected(signal.name, validated.rejections.counts)
    if validated.repairs:
        events.request_repaired(validated.repairs)
