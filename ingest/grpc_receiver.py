"""OTLP over gRPC: raw bytes in, raw bytes out, so that protobuf is parsed in one place only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NoReturn

import grpc
import grpc.aio

from ingest.other_signals import LOGS, METRICS, Signal, discard
from ingest.receiver import Receiver
from ingest.status import message_of, retry_info, row_of, status_of
from runtime.config import IngestConfig
from runtime.errors import ConfigError
from schemas.envelope import DEFAULT_PROJECT

_SERVICE = "opentelemetry.proto.collector.{0}.v1.{1}Service"
_Unary = Callable[[bytes], Awaitable[bytes]]


class GrpcReceiver:
    """The gRPC server of one process."""

    def __init__(self, receiver: Receiver, config: IngestConfig, *, share_port: bool) -> None:
        self._receiver = receiver
        self._endpoint = config.grpc.endpoint
        options = _options(config.request_bytes_max, share_port=share_port)
        self._server = grpc.aio.server(options=options)
        self._server.add_generic_rpc_handlers(
            (
                _service("trace", "Trace", self._export_traces),
                _service("metrics", "Metrics", self._discarder(METRICS)),
                _service("logs", "Logs", self._discarder(LOGS)),
            )
        )
        self.port = 0

    async def start(self) -> None:
        """
        Listen.

        Raises:
            ConfigError: the address cannot be listened on.
        """
        try:
            self.port = self._server.add_insecure_port(str(self._endpoint))
        except RuntimeError as error:
            raise ConfigError(
                f"ingest.grpc.endpoint: cannot listen on {self._endpoint}; "
                "is another process doing so?"
            ) from error
        await self._server.start()

    async def stop(self, grace_seconds: float) -> None:
        """Stop accepting, and finish the requests under way within the grace."""
        await self._server.stop(grace_seconds)

    async def _export_traces(self, body: bytes) -> bytes:
        with self._receiver.admit("grpc") as request:
            request.hold(len(body))
            response = await self._receiver.export(request, body, project=DEFAULT_PROJECT)
        return response.SerializeToString()

    def _discarder(self, signal: Signal) -> _Unary:
        async def export(body: bytes) -> bytes:
            with self._receiver.admit("grpc") as request:
                request.hold(len(body))
                await discard(signal, body, "protobuf")
            return b""  # a response without fields: full success

        return export


def _options(request_bytes_max: int, *, share_port: bool) -> list[tuple[str, int]]:
    return [
        ("grpc.max_receive_message_length", request_bytes_max),
        ("grpc.so_reuseport", int(share_port)),
        ("grpc.max_concurrent_streams", 128),
        # Notice peers that are gone, and let clients look for us when nothing is going on.
        ("grpc.keepalive_time_ms", 60_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ]


def _service(signal: str, name: str, export: _Unary) -> Any:
    async def handle(body: bytes, context: Any) -> bytes:
        try:
            return await export(body)
        except Exception as error:  # noqa: BLE001 - each becomes a status, and was counted
            await _abort(context, error)

    return grpc.method_handlers_generic_handler(
        _SERVICE.format(signal, name), {"Export": grpc.unary_unary_rpc_method_handler(handle)}
    )


async def _abort(context: Any, error: Exception) -> NoReturn:
    details = [("grpc-status-details-bin", status_of(error).SerializeToString())]
    if retry := retry_info(error):
        # Where OpenTelemetry's exporter for Python looks for it.
        details.append(("google.rpc.retryinfo-bin", retry.SerializeToString()))
    await context.abort(row_of(error).grpc, message_of(error), tuple(details))
    raise AssertionError("abort always raises")
