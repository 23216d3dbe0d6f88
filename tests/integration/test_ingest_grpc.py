"""OTLP over gRPC, beyond what its specification says (tests/conformance)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from ingest.service import IngestService
from tests.fakes import RecordingProducer, running_ingest
from tests.samples import request, span

BODY = request(span(1), span(2)).SerializeToString()
SIGNALS = {"trace": "Trace", "metrics": "Metrics", "logs": "Logs"}


class Client:
    """A bare gRPC client, which sends and receives bytes."""

    def __init__(self, service: IngestService) -> None:
        self.channel = grpc.aio.insecure_channel(f"127.0.0.1:{service.grpc_port}")

    async def send(self, body: bytes = BODY, signal: str = "trace", **options: Any) -> bytes:
        """Call Export, and return the encoded response."""
        name = f"{signal}.v1.{SIGNALS[signal]}Service"
        export = self.channel.unary_unary(f"/opentelemetry.proto.collector.{name}/Export")
        response: bytes = await export(body, **options)
        return response


@pytest.fixture
def producer() -> RecordingProducer:
    """Return the buffer behind the ingest."""
    return RecordingProducer()


@pytest.fixture
async def client(producer: RecordingProducer) -> AsyncIterator[Client]:
    """Yield a client of an ingest with small limits."""
    settings: dict[str, Any] = {"request_bytes_max": 10_000, "inflight_bytes_max": 450_000}
    async with running_ingest(producer, publish_seconds_max=0.3, **settings) as service:
        client = Client(service)
        async with client.channel:
            yield client


async def test_publishes_the_body_as_it_came(client: Client, producer: RecordingProducer) -> None:
    """Full success is a response without fields."""
    assert await client.send() == b""

    assert producer.records[0].value == BODY


@pytest.mark.parametrize("compression", [grpc.Compression.Gzip, grpc.Compression.Deflate])
async def test_unpacks_messages(
    client: Client, producer: RecordingProducer, compression: grpc.Compression
) -> None:
    """OTLP demands gzip; gRPC has deflate as well."""
    assert await client.send(compression=compression) == b""

    assert producer.records[0].value == BODY


async def test_what_begins_as_if_it_were_packed_may_be_a_request(
    client: Client, producer: RecordingProducer
) -> None:
    """An unknown field of a later OTLP, in the very bytes that zlib begins with."""
    body = b"\x78\x9c\x01" + BODY

    assert await client.send(body) == b""
    assert producer.records[0].value == body


async def test_refuses_headers_without_end(client: Client) -> None:
    """Before any of it is looked at."""
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await client.send(metadata=(("x-large", "x" * 100_000),))

    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert await client.send() == b""


async def test_holds_a_bounded_number_of_bytes(client: Client, producer: RecordingProducer) -> None:
    """Of five requests at once, those that do not fit are told to come back."""
    producer.mode = "slow"
    body = request(span(1, name="x" * 9_000)).SerializeToString()
    sending = [asyncio.create_task(client.send(body)) for _ in range(5)]
    while producer.waiting < 3:
        await asyncio.sleep(0.01)
    producer.proceed.set()

    answers = await asyncio.gather(*sending, return_exceptions=True)

    refused = [answer for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert len(refused) == 2
    assert {error.code() for error in refused} == {grpc.StatusCode.UNAVAILABLE}


async def test_accepts_and_discards_metrics(client: Client, producer: RecordingProducer) -> None:
    """Exporters of all signals stay content."""
    metrics = ExportMetricsServiceRequest()
    metrics.resource_metrics.add().scope_metrics.add().metrics.add().gauge.data_points.add()

    assert await client.send(metrics.SerializeToString(), signal="metrics") == b""
    assert producer.records == []


async def test_a_client_that_leaves_frees_what_it_held(
    client: Client, producer: RecordingProducer
) -> None:
    """The append is given up; the next request has room."""
    producer.mode = "slow"
    with pytest.raises(grpc.aio.AioRpcError):
        await client.send(timeout=0.1)
    while producer.waiting:
        await asyncio.sleep(0.01)

    producer.mode = "ok"
    assert await client.send() == b""
