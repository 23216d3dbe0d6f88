"""OTLP over HTTP, protobuf and JSON alike, and what an operator asks of the process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web
from google.protobuf import json_format
from google.protobuf.message import Message

from ingest.body import read_body
from ingest.metrics import discard
from ingest.receiver import Encoding, Receiver
from ingest.senders import Senders
from ingest.status import (
    MethodNotAllowed,
    NotFound,
    UnsupportedMediaType,
    retry_info,
    row_of,
    status_of,
)
from runtime import telemetry
from runtime.config import IngestConfig
from runtime.errors import ConfigError, NotAuthenticated
from runtime.telemetry import WaitsFor
from schemas.otlp.signals import Signal

_PROTOBUF, _JSON = "application/x-protobuf", "application/json"
_ENCODINGS: dict[str, Encoding] = {_PROTOBUF: "protobuf", _JSON: "json"}
# Langfuse's SDKs are pointed at a host and add their own path.
_PREFIXES = ("", "/api/public/otel")


class HttpReceiver:
    """The HTTP server of one process."""

    def __init__(
        self,
        receiver: Receiver,
        senders: Senders,
        config: IngestConfig,
        waits_for: WaitsFor,
        *,
        signals: Sequence[Signal],
        share_port: bool,
    ) -> None:
        self._receiver = receiver
        self._senders = senders
        self._waits_for = waits_for
        self._signals = signals
        self._endpoint = config.http.endpoint
        self._share_port = share_port
        self._bytes_max = config.request_bytes_max
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def start(self, grace_seconds: float) -> None:
        """
        Listen. `grace_seconds` is how long `stop` will wait for the requests under way.

        Raises:
            ConfigError: the address cannot be listened on.
        """
        self._runner = web.AppRunner(
            self._application(),
            access_log=None,
            auto_decompress=False,  # aiohttp's own knows no limit
            shutdown_timeout=grace_seconds,
        )
        await self._runner.setup()
        host, port = self._endpoint
        try:
            await web.TCPSite(self._runner, host, port, reuse_port=self._share_port).start()
        except OSError as error:
            await self._runner.cleanup()
            raise ConfigError(
                f"ingest.http.endpoint: cannot listen on {self._endpoint}: {error.strerror}"
            ) from error
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop accepting, and finish the requests under way within the grace."""
        if self._runner:
            await self._runner.cleanup()

    def _application(self) -> web.Application:
        application = web.Application(middlewares=[_errors_as_status])
        for prefix in _PREFIXES:
            for signal in self._signals:
                path = f"{prefix}/v1/{signal.name}"
                application.router.add_post(path, self._exporter(signal))
            application.router.add_post(f"{prefix}/v1/metrics", self._discard_metrics)
        telemetry.add_routes(application, waits_for=self._waits_for)
        return application

    def _exporter(self, signal: Signal) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def export(http: web.Request) -> web.Response:
            with self._receiver.admit("http") as request:
                project = self._senders.project_of(http.headers.get("Authorization"))
                encoding = _encoding_of(http)
                body = await read_body(http, request, bytes_max=self._bytes_max)
                response = await self._receiver.export(
                    request, body, signal, project=project, encoding=encoding
                )
            return _respond(http, response)

        return export

    async def _discard_metrics(self, http: web.Request) -> web.Response:
        with self._receiver.admit("http") as request:
            self._senders.project_of(http.headers.get("Authorization"))
            encoding = _encoding_of(http)
            body = await read_body(http, request, bytes_max=self._bytes_max)
            await discard(body, encoding)
        return _respond(http, None)


@web.middleware
async def _errors_as_status(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """OTLP (HTTP Response, Failures): the body of every 4xx and 5xx is a google.rpc.Status."""
    try:
        return await handler(request)
    except web.HTTPNotFound:
        return _refuse(
            request, NotFound(f"there is no {request.path} here: send spans to /v1/traces")
        )
    except web.HTTPMethodNotAllowed as error:
        allowed = ", ".join(sorted(error.allowed_methods))
        response = _refuse(request, MethodNotAllowed(f"{request.path} takes {allowed}"))
        response.headers["Allow"] = allowed
        return response
    except Exception as error:  # noqa: BLE001 - each becomes a status, and was counted
        return _refuse(request, error)


def _encoding_of(http: web.Request) -> Encoding:
    if http.content_type not in _ENCODINGS:
        raise UnsupportedMediaType(
            f"Content-Type '{http.content_type}' is not known: send {_PROTOBUF} or {_JSON}"
        )
    return _ENCODINGS[http.content_type]


def _refuse(http: web.Request, error: Exception) -> web.Response:
    response = _respond(http, status_of(error), status=row_of(error).http)
    if retry := retry_info(error):
        response.headers["Retry-After"] = str(retry.retry_delay.seconds)
    if isinstance(error, NotAuthenticated):
        response.headers["WWW-Authenticate"] = 'Bearer realm="sessiontrail", Basic'
    return response


def _respond(http: web.Request, message: Message | None, *, status: int = 200) -> web.Response:
    """OTLP: the content type of the response is that of the request. No message has no fields."""
    if http.content_type == _JSON:
        body = (
            b"{}" if message is None else json_format.MessageToJson(message, indent=None).encode()
        )
        return web.Response(body=body, status=status, content_type=_JSON)
    body = b"" if message is None else message.SerializeToString()
    return web.Response(body=body, status=status, content_type=_PROTOBUF)
