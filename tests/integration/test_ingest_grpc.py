"""OTLP over gRPC, by the letter of its specification."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

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
    settings: dict[str, Any] = {"request_bytes_max": 10_000, "inflight_bytes_max": 30_000}
    async with running_ingest(producer, publish_seconds_max=0.3, **settings) as service:
        client = Client(service)
        async with client.channel:
            yield client


async def refusal(client: Client, body: bytes = BODY, **options: Any) -> tuple[Any, Status | None]:
    """Send what is refused, and return the code and the details."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await client.send(body, **options)
    error: Any = raised.value
    details = dict(error.trailing_metadata()).get("grpc-status-details-bin")
    status = None if details is None else Status.FromString(details)
    if status:
        assert (status.code, status.message) == (error.code().value[0], error.details())
    return error.code(), status


async def test_publishes_the_body_as_it_came(client: Client, producer: RecordingProducer) -> None:
    """Full success is a response without fields."""
    assert await client.send() == b""

    assert producer.records[0].value == BODY


async def test_reports_rejected_spans(client: Client) -> None:
    """OTLP: partial success says how many, and why."""
    response = await client.send(request(span(1), span(2, span_id=b"")).SerializeToString())

    told = ExportTraceServiceResponse.FromString(response).partial_success
    assert told.rejected_spans == 1
    assert "span_id" in told.error_message


async def test_accepts_a_request_without_spans(client: Client, producer: RecordingProducer) -> None:
    """There is nothing to publish."""
    assert await client.send(b"") == b""

    assert producer.records == []


@pytest.mark.parametrize("body", [b"\xff", BODY[:-1]])
@pytest.mark.parametrize("signal", SIGNALS)
async def test_refuses_what_is_no_request(client: Client, body: bytes, signal: str) -> None:
    """OTLP: INVALID_ARGUMENT with BadRequest, never to be sent again."""
    code, status = await refusal(client, body, signal=signal)

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert status
    assert status.details[0].Is(BadRequest.DESCRIPTOR)


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
async def test_refuses_what_is_too_large(
    client: Client, producer: RecordingProducer, compression: grpc.Compression
) -> None:
    """OTLP: RESOURCE_EXHAUSTED without RetryInfo, also after decompression."""
    body = request(span(1, name="x" * 1_000_000)).SerializeToString()

    code, status = await refusal(client, body, compression=compression)

    assert (code, status) == (grpc.StatusCode.RESOURCE_EXHAUSTED, None)
    assert producer.records == []


@pytest.mark.parametrize(("mode", "seconds"), [("full", 3), ("failing", 1), ("slow", 1)])
async def test_tells_when_to_come_back(
    client: Client, producer: RecordingProducer, mode: Any, seconds: int
) -> None:
    """OTLP: UNAVAILABLE with RetryInfo."""
    producer.mode = mode

    code, status = await refusal(client)

    assert code is grpc.StatusCode.UNAVAILABLE
    assert status
    retry = RetryInfo()
    assert status.details[0].Unpack(retry)
    assert retry.retry_delay.seconds == seconds


async def test_answers_a_bug_as_internal(client: Client, producer: RecordingProducer) -> None:
    """The client learns nothing of what went wrong inside."""
    producer.mode = "broken"

    code, status = await refusal(client)

    assert code is grpc.StatusCode.INTERNAL
    assert status
    assert "secret" not in status.message


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
