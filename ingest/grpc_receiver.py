"""OTLP over gRPC: raw bytes in, raw bytes out, so that protobuf is parsed in one place only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NoReturn

import grpc

from ingest import grpc_server
from ingest.admission import Request
from ingest.grpc_body import read_message
from ingest.metrics import discard
from ingest.receiver import Receiver
from ingest.senders import Senders
from ingest.status import message_of, retry_info, row_of, status_of
from runtime.certificates import CertificateFiles
from runtime.ingest_config import IngestConfig
from schemas.otlp.signals import Signal

_METRICS = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
_Export = Callable[[Request, bytes], Awaitable[bytes]]


class GrpcReceiver:
    """The gRPC server of one process."""

    def __init__(
        self,
        receiver: Receiver,
        senders: Senders,
        config: IngestConfig,
        signals: Sequence[Signal],
        *,
        certificates: CertificateFiles | None,
        share_port: bool,
    ) -> None:
        self._receiver = receiver
        self._config = config
        self._certificates = certificates
        self._server = grpc_server.create(config, share_port=share_port)
        exports = {_path(signal): self._exporter(signal) for signal in signals}
        exports[_METRICS] = _discard_metrics
        calls = _Calls(receiver, senders, exports, bytes_max=config.request_bytes_max)
        self._server.add_generic_rpc_handlers((calls,))
        self.port = 0

    async def start(self) -> None:
        """
        Listen.

        Raises:
            ConfigError: the address cannot be listened on.
        """
        self.port = grpc_server.add_port(self._server, self._config, self._certificates)
        await self._server.start()

    async def stop(self, grace_seconds: float) -> None:
        """Stop accepting, and finish the requests under way within the grace."""
        await self._server.stop(grace_seconds)

    def _exporter(self, signal: Signal) -> _Export:
        async def export(request: Request, body: bytes) -> bytes:
            response = await self._receiver.export(request, body, signal)
            encoded: bytes = response.SerializeToString()
            return encoded

        return export


async def _discard_metrics(_: Request, body: bytes) -> bytes:
    await discard(body, "protobuf")
    return b""  # a response without fields: full success


def _path(signal: Signal) -> str:
    (service,) = signal.request.DESCRIPTOR.file.services_by_name.values()
    return f"/{service.full_name}/Export"


class _Calls(grpc.GenericRpcHandler):  # type: ignore[misc] # grpc has no types
    """Finds what handles a call by its path."""

    def __init__(
        self,
        receiver: Receiver,
        senders: Senders,
        exports: Mapping[str, _Export],
        *,
        bytes_max: int,
    ) -> None:
        self._receiver = receiver
        self._senders = senders
        self._exports = exports
        self._bytes_max = bytes_max

    def service(self, handler_call_details: Any) -> Any:
        """Return the handler of a call, None where there is no such path."""
        export = self._exports.get(handler_call_details.method)
        if export is None:
            return None
        metadata = dict(handler_call_details.invocation_metadata)

        # A handler of one request is called once that is read whole. One of a stream is called
        # first: its key, and whether there is room for it, is looked at before any of its body.
        async def handle(_: Any, call: Any) -> bytes:
            try:
                with self._receiver.admit("grpc") as request:
                    request.enter(self._senders.project_of(metadata.get("authorization")))
                    body = await read_message(call, request, bytes_max=self._bytes_max)
                    return await export(request, body)
            except Exception as error:  # noqa: BLE001 - each becomes a status, and was counted
                await _abort(call, error)

        return grpc.stream_unary_rpc_method_handler(handle)


async def _abort(call: Any, error: Exception) -> NoReturn:
    details = [("grpc-status-details-bin", status_of(error).SerializeToString())]
    if retry := retry_info(error):
        # Where OpenTelemetry's exporter for Python looks for it.
        details.append(("google.rpc.retryinfo-bin", retry.SerializeToString()))
    await call.abort(row_of(error).grpc, message_of(error), tuple(details))
    raise AssertionError("abort always raises")
