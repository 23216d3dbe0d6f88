"""The three ways in which OTLP is sent, and what is answered, in the words of its specification."""

from __future__ import annotations

import gzip
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Literal

import aiohttp
import grpc
import grpc.aio
from google.protobuf import json_format
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from ingest.service import IngestService
from tests.samples import as_json

PROTOBUF, JSON = "application/x-protobuf", "application/json"
Outcome = Literal["full success", "partial success", "retryable", "not retryable"]
# (Failures) of both transports. Whether RESOURCE_EXHAUSTED is retryable RetryInfo decides.
_RETRYABLE_HTTP = {429, 502, 503, 504}
_RETRYABLE_GRPC = {
    "CANCELLED",
    "DEADLINE_EXCEEDED",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNAVAILABLE",
    "DATA_LOSS",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """
    What became of a request, as a client has to understand it: by which code (gRPC's name, HTTP's
    number), what was said, and when to come back. `raw` is the body, `headers` are HTTP's.
    """

    outcome: Outcome
    code: str
    rejected: int = 0
    message: str = ""
    retry_seconds: int | None = None
    is_bad_request: bool = False
    raw: bytes = b""
    headers: Mapping[str, str]


class Wire(ABC):
    """A way to send."""

    name: str
    transport: Literal["grpc", "http"]

    @abstractmethod
    def encode(self, message: ExportTraceServiceRequest) -> bytes:
        """Return a request as this wire carries it."""

    @abstractmethod
    async def send(self, body: bytes, *, is_packed: bool = False) -> Answer:
        """Send an encoded request of spans, by gzip if it is to be packed."""


class GrpcWire(Wire):
    """OTLP/gRPC."""

    name, transport = "grpc", "grpc"

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel

    def encode(self, message: ExportTraceServiceRequest) -> bytes:
        """Return its protobuf."""
        encoded: bytes = message.SerializeToString()
        return encoded

    async def send(self, body: bytes, *, is_packed: bool = False) -> Answer:
        """Call Export of the trace service."""
        return await self.call("trace.v1.TraceService/Export", body, is_packed=is_packed)

    async def call(self, method: str, body: bytes, *, is_packed: bool = False) -> Answer:
        """Call a method of one of the collector's services."""
        call = self._channel.unary_unary(f"/opentelemetry.proto.collector.{method}")
        compression = grpc.Compression.Gzip if is_packed else grpc.Compression.NoCompression
        try:
            raw = await call(body, compression=compression)
        except grpc.aio.AioRpcError as error:
            return _refused_by_grpc(error)
        return _accepted(ExportTraceServiceResponse.FromString(raw), code="OK", raw=raw, headers={})


class HttpWire(Wire):
    """OTLP/HTTP, in one of its encodings."""

    transport = "http"

    def __init__(self, session: aiohttp.ClientSession, base: str, content_type: str) -> None:
        self._session = session
        self._base = base
        self.content_type = content_type
        self.name = f"http {content_type.rpartition('/')[2]}"

    def encode(self, message: ExportTraceServiceRequest) -> bytes:
        """Return its protobuf, or its OTLP/JSON."""
        encoded: bytes = message.SerializeToString()
        return as_json(message) if self.content_type == JSON else encoded

    async def send(self, body: bytes, *, is_packed: bool = False) -> Answer:
        """Post to /v1/traces."""
        if is_packed:
            return await self.request(gzip.compress(body), {"Content-Encoding": "gzip"})
        return await self.request(body)

    async def request(
        self,
        body: Any,
        headers: Mapping[str, str] | None = None,
        *,
        path: str = "/v1/traces",
        method: str = "POST",
    ) -> Answer:
        """Send any request, in the wire's content type unless the headers have another one."""
        given = {"Content-Type": self.content_type, **(headers or {})}
        url = self._base + path
        if isinstance(body, bytes):
            body = BytesIO(body)  # aiohttp would rather not have a megabyte as it is
        async with self._session.request(method, url, data=body, headers=given) as response:
            return self._read(response.status, dict(response.headers), await response.read())

    def _read(self, code: int, headers: Mapping[str, str], raw: bytes) -> Answer:
        # OTLP/HTTP Response: the Content-Type is that of the request; of any other, protobuf.
        assert headers["Content-Type"].partition(";")[0] == self.content_type
        if code == 200:
            response = self._decode(raw, ExportTraceServiceResponse())
            return _accepted(response, code="200", raw=raw, headers=headers)
        status = self._decode(raw, Status())
        retry = headers.get("Retry-After")
        return Answer(
            outcome="retryable" if code in _RETRYABLE_HTTP else "not retryable",
            code=str(code),
            message=status.message,
            retry_seconds=None if retry is None else int(retry),
            is_bad_request=any(detail.Is(BadRequest.DESCRIPTOR) for detail in status.details),
            raw=raw,
            headers=headers,
        )

    def _decode(self, raw: bytes, message: Any) -> Any:
        if self.content_type == JSON:
            return json_format.Parse(raw, message)
        message.ParseFromString(raw)
        return message


def _accepted(response: Any, *, code: str, raw: bytes, headers: Mapping[str, str]) -> Answer:
    told = response.partial_success
    return Answer(
        outcome="partial success" if response.HasField("partial_success") else "full success",
        code=code,
        rejected=told.rejected_spans,
        message=told.error_message,
        raw=raw,
        headers=headers,
    )


def _refused_by_grpc(error: grpc.aio.AioRpcError) -> Answer:
    code = error.code().name
    encoded = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
    status, retry = Status.FromString(encoded), RetryInfo()
    retries = [detail.Unpack(retry) for detail in status.details]
    seconds = int(retry.retry_delay.seconds) if any(retries) else None
    is_retryable = code in _RETRYABLE_GRPC or (code == "RESOURCE_EXHAUSTED" and seconds is not None)
    return Answer(
        outcome="retryable" if is_retryable else "not retryable",
        code=code,
        message=error.details() or "",
        retry_seconds=seconds,
        is_bad_request=any(detail.Is(BadRequest.DESCRIPTOR) for detail in status.details),
        raw=encoded,
        headers={},
    )


def wires_to(
    service: IngestService, channel: grpc.aio.Channel, session: aiohttp.ClientSession
) -> dict[str, Wire]:
    """Return all three, by name."""
    base = f"http://127.0.0.1:{service.http_port}"
    wires = (
        GrpcWire(channel),
        HttpWire(session, base, PROTOBUF),
        HttpWire(session, base, JSON),
    )
    return {wire.name: wire for wire in wires}
