"""One running ingest with small limits, for all rules, and the three wires to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import grpc.aio
import pytest
import pytest_asyncio

from tests.conformance.wires import HttpWire, Wire, wires_to
from tests.fakes import RecordingProducer, running_ingest

BYTES_MAX = 10_000
WIRES = ("grpc", "http x-protobuf", "http json")


@pytest.fixture(scope="session")
def shared_producer() -> RecordingProducer:
    """The buffer behind the ingest."""
    return RecordingProducer()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def wires(shared_producer: RecordingProducer) -> AsyncIterator[dict[str, Wire]]:
    """Every wire, by its name."""
    settings: dict[str, Any] = {
        "request_bytes_max": BYTES_MAX,
        "inflight_bytes_max": 2**24,
        "publish_seconds_max": 0.3,
    }
    async with (
        running_ingest(shared_producer, **settings) as service,
        grpc.aio.insecure_channel(f"127.0.0.1:{service.grpc_port}") as channel,
        aiohttp.ClientSession(headers={"Accept-Encoding": "identity"}) as session,
    ):
        yield wires_to(service, channel, session)


@pytest.fixture(autouse=True)
def producer(shared_producer: RecordingProducer) -> RecordingProducer:
    """The buffer behind the ingest, as if nothing had come yet."""
    shared_producer.records.clear()
    shared_producer.mode = "ok"
    return shared_producer


@pytest.fixture(params=WIRES)
def wire(request: pytest.FixtureRequest, wires: dict[str, Wire]) -> Wire:
    """Each wire in turn."""
    return wires[request.param]


@pytest.fixture(params=WIRES[1:])
def http(request: pytest.FixtureRequest, wires: dict[str, Wire]) -> HttpWire:
    """Each wire of HTTP in turn."""
    wire = wires[request.param]
    assert isinstance(wire, HttpWire)
    return wire
