"""One ingest process, put together: both transports in front of one receiver and one buffer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from buffer.port import Producer
from ingest.grpc_receiver import GrpcReceiver
from ingest.http_receiver import HttpReceiver
from ingest.receiver import Receiver
from runtime import telemetry
from runtime.config import Config, IngestConfig
from runtime.errors import ConfigError
from runtime.telemetry import WaitsFor

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestService:
    """A running ingest, and the ports that it really listens on."""

    grpc_port: int
    http_port: int


@asynccontextmanager
async def serve(
    config: Config, producer: Producer, *, waits_for: WaitsFor = telemetry.ready
) -> AsyncIterator[IngestService]:
    """
    Receive for as long as the context lasts. Leaving it stops accepting and finishes the requests
    under way; the producer stays open, and is the caller's to close.

    Raises:
        ConfigError: an address must not or cannot be listened on, or limits contradict.
    """
    ingest = config.ingest
    _check(ingest)
    # Each request waits no longer than that for the buffer; a second is left to answer it.
    grace_seconds = ingest.publish_seconds_max + 1.0
    receiver = Receiver(producer, ingest)
    grpc, http = GrpcReceiver(receiver, ingest), HttpReceiver(receiver, ingest, waits_for)
    try:
        await grpc.start()
        await http.start(grace_seconds)
        log.info("ingest_started", grpc_port=grpc.port, http_port=http.port)
        yield IngestService(grpc_port=grpc.port, http_port=http.port)
    finally:
        await asyncio.gather(grpc.stop(grace_seconds), http.stop())
        log.info("ingest_stopped")


def _check(config: IngestConfig) -> None:
    problems = [
        f"{key}: {endpoint} can be reached from other machines, and everyone there could send "
        "spans. Listen on 127.0.0.1, or set ingest.without_keys to allow it"
        for key, endpoint in (
            ("ingest.grpc.endpoint", config.grpc.endpoint),
            ("ingest.http.endpoint", config.http.endpoint),
        )
        if not (endpoint.is_loopback or config.without_keys)
    ]
    if config.inflight_bytes_max < 2 * config.request_bytes_max:
        problems.append(
            "ingest.inflight_bytes_max must be twice ingest.request_bytes_max or more: a request "
            "is held packed and unpacked, and the largest would be refused for ever"
        )
    if problems:
        raise ConfigError("\n".join(problems))
