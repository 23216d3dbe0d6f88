"""One ingest process, put together: both transports in front of one receiver and the buffer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from buffer.port import Producer
from ingest.grpc_receiver import GrpcReceiver
from ingest.http_receiver import HttpReceiver
from ingest.readiness import Readiness
from ingest.receiver import Receiver
from ingest.rejected import Rejected
from ingest.senders import Senders
from runtime import checks
from runtime.certificates import CertificateFiles
from runtime.config import Config
from runtime.key_ring import KeyRing
from runtime.signals import SignalName
from schemas.otlp.logs import Logs
from schemas.otlp.traces import TRACES

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestService:
    """A running ingest, and the ports that it really listens on."""

    grpc_port: int
    http_port: int


@asynccontextmanager
async def serve(
    config: Config,
    producers: Mapping[SignalName, Producer],
    *,
    rejected: Producer,
    share_ports: bool = False,
) -> AsyncIterator[IngestService]:
    """
    Receive for as long as the context lasts. Leaving it stops accepting and finishes the requests
    under way; the producers stay open, and are the caller's to close.

    Args:
        config: the settings.
        producers: where each signal goes.
        rejected: where letters about what was refused for good go.
        share_ports: whether other processes of the same pipeline listen on the same ports. Two
            pipelines on one port would each get some of the spans, and nobody would be told: the
            caller sees to it that there is one.

    Raises:
        ConfigError: an address must not or cannot be listened on, limits contradict, or the file
            of project keys, or one of the certificates, is broken.
    """
    ingest = config.ingest
    keys = KeyRing(config.keys_file)
    checks.refuse(checks.ingest(config))
    # Each request waits no longer than that for the buffer; a second is left to answer it.
    grace_seconds = ingest.publish_seconds_max + 1.0
    letters = Rejected(rejected)
    receiver = Receiver(producers, ingest, rejected=letters)
    senders = Senders(keys)
    signals = (TRACES, Logs(config.sessions.keys))
    certificates = CertificateFiles(ingest.tls) if ingest.tls.cert_file else None
    grpc = GrpcReceiver(
        receiver, senders, ingest, signals, certificates=certificates, share_port=share_ports
    )
    readiness = Readiness(*producers.values())

    async def waits_for() -> Sequence[str]:
        problem = keys.problem()
        return [*([problem] if problem else []), *await readiness.waits_for()]

    http = HttpReceiver(
        receiver,
        senders,
        ingest,
        waits_for,
        signals=signals,
        certificates=certificates,
        share_port=share_ports,
    )
    async with letters.written(), _renewed(certificates):
        try:
            await grpc.start()
            await http.start(grace_seconds)
            log.info("ingest_started", grpc_port=grpc.port, http_port=http.port)
            yield IngestService(grpc_port=grpc.port, http_port=http.port)
        finally:
            await asyncio.gather(grpc.stop(grace_seconds), http.stop())
            log.info("ingest_stopped")


@asynccontextmanager
async def _renewed(certificates: CertificateFiles | None) -> AsyncIterator[None]:
    """Read the certificates again when they change, for as long as the context lasts."""
    if certificates is None:
        yield
        return
    watching = asyncio.create_task(certificates.watch())
    try:
        yield
    finally:
        watching.cancel()
