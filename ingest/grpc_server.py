"""The gRPC server that the receiver sits in: its bounds, and its certificates."""

from __future__ import annotations

from typing import Any

import grpc
import grpc.aio

from runtime.certificates import CertificateFiles, Certificates
from runtime.errors import ConfigError
from runtime.ingest_config import IngestConfig


def create(config: IngestConfig, *, share_port: bool) -> Any:
    """Return a server that does not listen yet."""
    return grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", config.request_bytes_max),
            # gRPC would unpack a message before anybody could say that there is no memory for it.
            ("grpc.per_message_decompression", 0),
            ("grpc.so_reuseport", int(share_port)),
            ("grpc.max_concurrent_streams", 128),
            ("grpc.max_allowed_incoming_connections", config.connections_max),
            ("grpc.server_handshake_timeout_ms", 10_000),
            # Calls that nobody has had time to look at are CANCELLED after so many seconds, which
            # is retryable, and so is one of a thousand or more that wait.
            ("grpc.server_max_unrequested_time_in_server", 2),
            ("grpc.server.max_pending_requests", 1000),
            ("grpc.max_connection_idle_ms", 600_000),
            # Notice peers that are gone, and let clients look for us when nothing is going on.
            ("grpc.keepalive_time_ms", 60_000),
            ("grpc.keepalive_timeout_ms", 20_000),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ]
    )


def add_port(server: Any, config: IngestConfig, files: CertificateFiles | None) -> int:
    """
    Let a server listen, and return its port.

    Raises:
        ConfigError: the address cannot be listened on.
    """
    address = str(config.grpc.endpoint)
    try:
        if files:
            return int(server.add_secure_port(address, _credentials(files)))
        return int(server.add_insecure_port(address))
    except RuntimeError as error:
        raise ConfigError(
            f"ingest.grpc.endpoint: cannot listen on {address}; is another process doing so?"
        ) from error


def _credentials(files: CertificateFiles) -> Any:
    """Return credentials that change with the files, for each connection made from then on."""
    served = files.current

    def renew() -> Any:  # called in a thread of gRPC's, before each handshake
        nonlocal served
        current = files.current
        if current is served:
            return None  # no change
        served = current
        return _configuration(current)

    return grpc.dynamic_ssl_server_credentials(
        _configuration(served),
        renew,
        require_client_authentication=served.client_ca is not None,
    )


def _configuration(certificates: Certificates) -> Any:
    return grpc.ssl_server_certificate_configuration(
        [(certificates.key, certificates.chain)], root_certificates=certificates.client_ca
    )
