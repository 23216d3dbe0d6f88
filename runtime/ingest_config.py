"""The settings of ingest."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, ByteSize, Field, PositiveInt

from runtime.section import Endpoint, HostPort, Seconds, Section

# What a request is counted for besides its body: what the transports read ahead, and the objects.
REQUEST_OVERHEAD_BYTES = 64 * 1024

_ORIGIN = re.compile(r"https?://(\*\.)?[a-z0-9-]+(\.[a-z0-9-]+)*(:\d+)?")


class TlsConfig(Section):
    """
    TLS 1.2 or newer, on both transports. The files are read again when they change; connections
    that stand are not disturbed.
    """

    cert_file: Path | None = Field(
        default=None,
        description="Our certificate and what it was signed with, in PEM. Without it, both "
        "transports speak plain text.",
    )
    key_file: Path | None = Field(
        default=None, description="The key of the certificate in PEM, without a password."
    )
    client_ca_file: Path | None = Field(
        default=None,
        description="Who signs the certificates of clients, in PEM: without one of these, nobody "
        "can send (mTLS). `/healthz`, `/readyz` and `/metrics` need none.",
    )


def _check_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    for origin in origins:
        if not _ORIGIN.fullmatch(origin):
            raise ValueError(
                f"'{origin}' is no origin; write one as browsers do, such as"
                " https://app.example.com, or https://*.example.com for all names below"
            )
    return origins


class CorsConfig(Section):
    """Which web pages may send from a browser."""

    allowed_origins: Annotated[tuple[str, ...], AfterValidator(_check_origins)] = Field(
        default=(),
        description="The origins of the pages, such as `https://app.example.com`, or "
        "`https://*.example.com` for all names below it. Empty: none.",
    )


class RateConfig(Section):
    """How much a project may send, on average. Past it, its exporters are told to come back."""

    bytes_per_second: ByteSize | None = Field(
        default=None,
        description="How many bytes a second, after decompression, each project may send to each "
        "ingest process. What it did not send in the last 10 s, it may send at once.",
    )
    projects: dict[str, ByteSize | None] = Field(
        default={},
        description="The same by project, where it differs: `{shop: 20MiB, audit: null}`; null is "
        "without a limit.",
    )


class GrpcConfig(Section):
    """OTLP over gRPC."""

    endpoint: Endpoint = Field(
        default=HostPort("127.0.0.1", 4317), description="Where OTLP/gRPC is received."
    )


class HttpConfig(Section):
    """OTLP over HTTP, and the health and metrics of the ingest process."""

    endpoint: Endpoint = Field(
        default=HostPort("127.0.0.1", 4318),
        description="Where OTLP/HTTP is received, protobuf and JSON alike; also `/healthz`, "
        "`/readyz` and `/metrics`.",
    )
    cors: CorsConfig = CorsConfig()


class IngestConfig(Section):
    """Receiving, validating and publishing spans and log records."""

    grpc: GrpcConfig = GrpcConfig()
    http: HttpConfig = HttpConfig()
    tls: TlsConfig = TlsConfig()
    processes: PositiveInt = Field(
        default=1,
        description="How many processes receive, on the same ports (Linux). One takes about one "
        "core. Connections are spread over them, not requests.",
    )
    request_bytes_max: ByteSize = Field(
        default=ByteSize(64 * 2**20),
        description="The largest request, after decompression (OTLP 1.11 recommends 64 MiB).",
    )
    inflight_bytes_max: ByteSize = Field(
        default=ByteSize(256 * 2**20),
        description="How many bytes of requests one process holds at a time. Past it, exporters "
        "are told to come back later. A project may hold as many as it leaves free.",
    )
    rate: RateConfig = RateConfig()
    connections_max: PositiveInt = Field(
        default=4096,
        description="How many connections one process has at a time, over gRPC and over HTTP each. "
        "More are closed at once.",
    )
    publish_seconds_max: Seconds = Field(
        default=8.0,
        description="How long a request may wait for the buffer (seconds) before it is refused as "
        "retryable. Exporters themselves give up after 10 s.",
    )
    without_keys: bool = Field(
        default=False,
        description="Receive on addresses beyond loopback although there are no project keys.",
    )

    @property
    def http_url(self) -> str:
        """Where OTLP/HTTP is received, as a client on this machine reaches it."""
        return f"{self._scheme}://{self.http.endpoint}"

    @property
    def grpc_url(self) -> str:
        """Where OTLP/gRPC is received, likewise."""
        return f"{self._scheme}://{self.grpc.endpoint}"

    @property
    def _scheme(self) -> str:
        return "https" if self.tls.cert_file else "http"
