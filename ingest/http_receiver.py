"""OTLP over HTTP, protobuf and JSON alike, and what an operator asks of the process."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence

from aiohttp import web
from google.protobuf import json_format
from google.protobuf.message import Message

from ingest import cors
from ingest.admission import Request
from ingest.body import read_body
from ingest.http_site import Site
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
from runtime.certificates import CertificateFiles
from runtime.errors import ConfigError, NotAuthenticated
from runtime.ingest_config import IngestConfig
from runtime.telemetry import WaitsFor
from schemas.otlp.signals import Signal

_PROTOBUF, _JSON = "application/x-protobuf", "application/json"
_ENCODINGS: dict[str, Encoding] = {_PROTOBUF: "protobuf", _JSON: "json"}
# Langfuse's SDKs are pointed at a host and add their own path.
_PREFIXES = ("", "/api/public/otel")
# A connection that has no whole request under way, not even its headers, is closed after that.
_IDLE_SECONDS_MAX = 75.0
# Smaller answers do not get smaller.
_GZIP_BYTES_MIN = 256

_Export = Callable[[Request, bytes, Encoding], Awaitable[Message | None]]


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
        certificates: CertificateFiles | None,
        share_port: bool,
    ) -> None:
        self._receiver = receiver
        self._senders = senders
        self._waits_for = waits_for
        self._signals = signals
        self._config = config
        self._certificates = certificates
        self._share_port = share_port
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
            keepalive_timeout=_IDLE_SECONDS_MAX,
            shutdown_timeout=grace_seconds,
        )
        await self._runner.setup()
        endpoint = self._config.http.endpoint
        site = Site(
            self._runner,
            endpoint,
            connections_max=self._config.connections_max,
            share_port=self._share_port,
            context=self._certificates.context if self._certificates else None,
        )
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            raise ConfigError(
                f"ingest.http.endpoint: cannot listen on {endpoint}: {error.strerror}"
            ) from error
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop accepting, and finish the requests under way within the grace."""
        if self._runner:
            await self._runner.cleanup()

    def _application(self) -> web.Application:
        exports = {
            f"{prefix}/v1/{signal}": export
            for prefix in _PREFIXES
            for signal, export in self._exports().items()
        }
        application = web.Application(middlewares=[_errors_as_status])
        if allowed := self._config.http.cors.allowed_origins:
            application.middlewares.insert(0, cors.middleware(cors.Origins(allowed), exports))
        for path, export in exports.items():
            application.router.add_post(path, self._handler(export))
        telemetry.add_routes(application, waits_for=self._waits_for)
        return application

    def _exports(self) -> Mapping[str, _Export]:
        exports: dict[str, _Export] = {"metrics": _discard_metrics}
        return exports | {signal.name: self._exporter(signal) for signal in self._signals}

    def _exporter(self, signal: Signal) -> _Export:
        async def export(request: Request, body: bytes, encoding: Encoding) -> Message | None:
            response: Message = await self._receiver.export(
                request, body, signal, encoding=encoding
            )
            return response

        return export

    def _handler(self, export: _Export) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(http: web.Request) -> web.Response:
            with self._receiver.admit("http") as request:
                self._check_certificate(http)
                request.enter(self._senders.project_of(http.headers.get("Authorization")))
                encoding = _encoding_of(http)
                body = await read_body(http, request, bytes_max=self._config.request_bytes_max)
                response = await export(request, body, encoding)
            return _respond(http, response)

        return handle

    def _check_certificate(self, http: web.Request) -> None:
        if self._config.tls.client_ca_file and not http.get_extra_info("peercert"):
            raise NotAuthenticated(
                "a client certificate is needed, from whom ingest.tls.client_ca_file names"
            )


async def _discard_metrics(_: Request, body: bytes, encoding: Encoding) -> None:
    await discard(body, encoding)


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
        content_type = _JSON
        body = (
            b"{}" if message is None else json_format.MessageToJson(message, indent=None).encode()
        )
    else:
        content_type = _PROTOBUF
        body = b"" if message is None else message.SerializeToString()
    response = web.Response(body=body, status=status, content_type=content_type)
    if len(body) >= _GZIP_BYTES_MIN and "gzip" in http.headers.get("Accept-Encoding", "").lower():
        response.enable_compression(web.ContentCoding.gzip)
    return response
