"""The certificates of ingest: read from their files, and read again when those change."""

from __future__ import annotations

import asyncio
import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path

from runtime import events
from runtime.errors import ConfigError
from runtime.ingest_config import TlsConfig

# How often the files are looked at.
LOOK_SECONDS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """What the files hold, and a context made of it."""

    chain: bytes
    key: bytes = field(repr=False)
    client_ca: bytes | None
    context: ssl.SSLContext


def read(config: TlsConfig) -> Certificates:
    """
    Return what the files hold.

    Raises:
        ConfigError: one of them is not set or cannot be read, or they do not fit together.
    """
    if not (config.cert_file and config.key_file):
        raise ConfigError(
            "ingest.tls: cert_file and key_file belong together, and client_ca_file needs them; set"
            " both of them, or none of the three"
        )
    chain = _bytes("cert_file", config.cert_file)
    key = _bytes("key_file", config.key_file)
    client_ca = _bytes("client_ca_file", config.client_ca_file) if config.client_ca_file else None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # A session that is resumed shows no certificate again: not even one that is not trusted now.
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(config.cert_file, config.key_file, password=lambda: "")
    except ssl.SSLError as error:
        raise ConfigError(
            f"ingest.tls: {config.cert_file} and {config.key_file} are no certificate and the key"
            f" of it, in PEM and without a password: {error.reason or error}"
        ) from error
    if client_ca is not None:
        try:
            context.load_verify_locations(cadata=client_ca.decode())
        except (ssl.SSLError, ValueError) as error:
            raise ConfigError(
                f"ingest.tls.client_ca_file: {config.client_ca_file} holds no certificates in PEM"
            ) from error
        # Whoever shows a certificate must show a right one. Who shows none can only ask how we are.
        context.verify_mode = ssl.CERT_OPTIONAL
    return Certificates(chain=chain, key=key, client_ca=client_ca, context=context)


class CertificateFiles:
    """
    The certificates in force. Files that are broken or gone change nothing, and are complained of:
    what was read last stays in force.
    """

    def __init__(self, config: TlsConfig) -> None:
        """
        Read the files.

        Raises:
            ConfigError: as read() does.
        """
        self._config = config
        self._state = self._look()
        self.current = read(config)
        self.context = read(config).context
        self.context.sni_callback = self._choose

    async def watch(self) -> None:
        """Read the files again whenever they change, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            state = self._look()
            if state == self._state:
                continue
            self._state = state
            try:
                self.current = read(self._config)
            except ConfigError as error:
                events.certificates_unreadable(error=str(error))
            else:
                events.certificates_read()

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _: ssl.SSLContext) -> None:
        # The context that a server listens with stays what it is. What a new connection goes on
        # with is chosen here, whether it names a host or not: certificate, key and who is trusted.
        connection.context = self.current.context

    def _look(self) -> tuple[tuple[int, ...], ...]:
        config = self._config
        files = (config.cert_file, config.key_file, config.client_ca_file)
        return tuple(_state_of(file) for file in files if file)


def _bytes(name: str, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(f"ingest.tls.{name}: cannot read {path}: {error.strerror}") from error


def _state_of(path: Path) -> tuple[int, ...]:
    try:
        stat = os.stat(path)  # noqa: PTH116 - as runtime/key_ring.py does
    except OSError as error:
        return (error.errno or 0,)
    return (stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns)
