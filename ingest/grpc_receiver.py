"""OTLP over gRPC: raw bytes in, raw bytes out, so that protobuf is parsed in one place only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NoReturn

import grpc
import grpc.aio

from ingest.metrics import discard
from ingest.receiver import Receiver
from ingest.senders import Senders
from ingest.status import message_of, retry_info, row_of, status_of
from runtime.config import IngestConfig
from runtime.errors import ConfigError, PermanentError
from schemas.otlp.signals import Signal

_METRICS = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
_Export = Callable[[bytes, str], Awaitable[bytes]]  # of a body, for a project


class GrpcReceiver:
    """The gRPC server of one process."""

    def __init__(
        self,
        receiver: Receiver,
        senders: Senders,
        config: IngestConfig,
        signals: Sequence[Signal],
        *,
        share_port: bool,
    ) -> None:
        self._receiver = receiver
        self._endpoint = config.grpc.endpoint
        options = _options(config.request_bytes_max, share_port=share_port)
        self._server = grpc.aio.server(options=options)
        exports = {_path(signal): self._exporter(signal) for signal in signals}
        exports[_METRICS] = self._discard_metrics
        self._server.add_generic_rpc_handlers((_Calls(receiver, senders, exports),))
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

    def _exporter(self, signal: Signal) -> _Export:
        async def export(body: bytes, project: str) -> bytes:
            with self._receiver.admit("grpc") as request:
                request.hold(len(body))
                response = await self._receiver.export(request, body, signal, project=project)
            encoded: bytes = response.SerializeToString()
            return encoded

        return export

    async def _discard_metrics(self, body: bytes, _: str) -> bytes:
        with self._receiver.admit("grpc") as request:
            request.hold(len(body))
            await discard(body, "protobuf")
        return b""  # a response without fields: full success


def _path(signal: Signal) -> str:
    (service,) = signal.request.DESCRIPTOR.file.services_by_name.values()
    return f"/{service.full_name}/Export"


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


class _Calls(grpc.GenericRpcHandler):  # type: ignore[misc] # grpc has no types
    """Finds what handles a call by its path and its key, before any of its body is read."""

    def __init__(
        self, receiver: Receiver, senders: Senders, exports: Mapping[str, _Export]
    ) -> None:
        self._receiver = receiver
        self._senders = senders
        self._exports = exports

    def service(self, handler_call_details: Any) -> Any:
        """Return the handler of a call, None where there is no such path."""
        export = self._exports.get(handler_call_details.method)
        if export is None:
            return None
        metadata = dict(handler_call_details.invocation_metadata)
        try:
            project = self._senders.project_of(metadata.get("authorization"))
        except PermanentError as error:
            return self._refuser(error)

        async def handle(body: bytes, context: Any) -> bytes:
            try:
                return await export(body, project)
            except Exception as error:  # noqa: BLE001 - each becomes a status, and was counted
                await _abort(context, error)

        return grpc.unary_unary_rpc_method_handler(handle)

    def _refuser(self, refusal: PermanentError) -> Any:
        # A handler of one request is called once that is read whole. One of a stream is called
        # first, and this one reads nothing of it.
        async def refuse(_: Any, context: Any) -> bytes:
            try:
                with self._receiver.admit("grpc"):
                    raise refusal
            except PermanentError as error:
                await _abort(context, error)

        return grpc.stream_unary_rpc_method_handler(refuse)


async def _abort(context: Any, error: Exception) -> NoReturn:
    details = [("grpc-status-details-bin", status_of(error).SerializeToString())]
    if retry := retry_info(error):
        # Where OpenTelemetry's exporter for Python looks for it.
        details.append(("google.rpc.retryinfo-bin", retry.SerializeToString()))
    await context.abort(row_of(error).grpc, message_of(error), tuple(details))
    raise AssertionError("abort always raises")
