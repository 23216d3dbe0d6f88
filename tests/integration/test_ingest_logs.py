"""Log records are received as spans are: both transports, both encodings, the same limits."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import grpc
import orjson
import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)

from ingest.service import IngestService
from runtime.metrics import REGISTRY
from schemas.envelope import Envelope
from tests.fakes import RecordingProducer, running_ingest
from tests.samples import as_json, log_record, log_request, mapping, text

PROTOBUF = "application/x-protobuf"
GRPC = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
BODY = log_request(log_record(1), log_record(2)).SerializeToString()


@pytest.fixture
def producer() -> RecordingProducer:
    """Return the buffer behind the ingest."""
    return RecordingProducer(value_bytes_max=2_000)


@pytest.fixture
async def service(producer: RecordingProducer) -> AsyncIterator[IngestService]:
    """Yield an ingest with small limits."""
    settings: dict[str, Any] = {"request_bytes_max": 10_000, "inflight_bytes_max": 450_000}
    async with running_ingest(producer, publish_seconds_max=0.3, **settings) as running:
        yield running


async def post(
    service: IngestService,
    body: bytes,
    content_type: str = PROTOBUF,
    **headers: str,
) -> tuple[int, bytes]:
    """Send a body to /v1/logs, and return the status and the answer."""
    url = f"http://127.0.0.1:{service.http_port}/v1/logs"
    given = {"Content-Type": content_type, **headers}
    async with (
        aiohttp.ClientSession() as session,
        session.post(url, data=body, headers=given) as response,
    ):
        return response.status, await response.read()


async def call(service: IngestService, body: bytes) -> bytes:
    """Send a body over gRPC, and return the answer."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{service.grpc_port}") as channel:
        answer: bytes = await channel.unary_unary(GRPC)(body)
        return answer


def counted(name: str, **labels: str) -> float:
    """Return what a counter says."""
    return REGISTRY.get_sample_value(f"{name}_total", labels) or 0


async def test_publishes_the_body_as_it_came(
    service: IngestService, producer: RecordingProducer
) -> None:
    """Over both transports, packed or not; JSON becomes the same request in protobuf."""
    before = counted("otelcol_receiver_accepted_log_records", transport="http")
    assert await call(service, BODY) == b""
    assert await post(service, BODY) == (200, b"")
    packed = gzip.compress(BODY)
    assert await post(service, packed, **{"Content-Encoding": "gzip"}) == (200, b"")
    text_ = as_json(ExportLogsServiceRequest.FromString(BODY))
    assert await post(service, text_, "application/json") == (200, b"{}")

    sent = ExportLogsServiceRequest.FromString(BODY)
    assert [record.value for record in producer.records[:3]] == [BODY] * 3
    assert ExportLogsServiceRequest.FromString(producer.records[3].value) == sent
    assert Envelope.from_headers(producer.records[0].headers).spans == 2
    assert counted("otelcol_receiver_accepted_log_records", transport="http") - before == 6


async def test_says_which_records_are_left_out(
    service: IngestService, producer: RecordingProducer
) -> None:
    """By partial success; the reasons are counted."""
    before = counted("sessiontrail_rejected_log_records", reason="session_id")
    request = log_request(log_record(1), log_record(2, trace_id=b"", body=text("lost")))

    answer = await call(service, request.SerializeToString())

    told = ExportLogsServiceResponse.FromString(answer).partial_success
    assert told.rejected_log_records == 1
    assert "1 of 2 log records rejected: 1 with neither session id nor trace id" in (
        told.error_message
    )
    assert "log record 'lost'" in told.error_message
    assert counted("sessiontrail_rejected_log_records", reason="session_id") - before == 1
    [record] = producer.records
    kept = ExportLogsServiceRequest.FromString(record.value)
    assert kept == log_request(log_record(1))


async def test_repairs_what_the_store_cannot_hold(
    service: IngestService, producer: RecordingProducer
) -> None:
    """Text that is not UTF-8, and bodies that nest deeper than a level."""
    deep = mapping(parts=mapping(text=text("hi")))
    body = log_request(log_record(1, body=text("??")), log_record(2, body=deep))

    status, answer = await post(service, body.SerializeToString().replace(b"??", b"\xc3("))

    told = ExportLogsServiceResponse.FromString(answer).partial_success
    assert (status, told.rejected_log_records) == (200, 0)
    assert "U+FFFD" in told.error_message
    published = ExportLogsServiceRequest.FromString(producer.records[0].value)
    first, second = published.resource_logs[0].scope_logs[0].log_records
    assert first.body.string_value == "\ufffd("
    assert orjson.loads(second.body.string_value) == {"parts": {"text": "hi"}}


async def test_splits_what_is_larger_than_a_record(
    service: IngestService, producer: RecordingProducer
) -> None:
    """One log record that is too large alone is rejected alone."""
    records = [log_record(number, body=text("x" * 900)) for number in range(4)]
    huge = log_record(9, body=text("y" * 3_000))

    status, answer = await post(service, log_request(*records, huge).SerializeToString())

    told = ExportLogsServiceResponse.FromString(answer).partial_success
    assert (status, told.rejected_log_records) == (200, 1)
    assert [Envelope.from_headers(record.headers).spans for record in producer.records] == [2, 2]


async def test_pushes_back(service: IngestService, producer: RecordingProducer) -> None:
    """503 and UNAVAILABLE say when to come back; what is no request is refused for good."""
    before = counted("otelcol_receiver_refused_log_records", transport="http")
    producer.mode = "full"
    status, answer = await post(service, BODY)
    assert (status, Status.FromString(answer).code) == (503, 14)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call(service, BODY)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert counted("otelcol_receiver_refused_log_records", transport="http") - before == 2

    assert (await post(service, b"\xff"))[0] == 400
    assert (await post(service, b"{", "application/json"))[0] == 400
    assert (await post(service, b"x" * 10_001))[0] == 413
    assert (await post(service, BODY, "text/plain"))[0] == 415
