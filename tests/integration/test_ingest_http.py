"""OTLP over HTTP, by the letter of its specification."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import pytest
import zstandard
from google.protobuf import json_format
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from ingest.readiness import CHECK_SECONDS_MIN
from runtime.metrics import REGISTRY
from tests.fakes import RecordingProducer, running_ingest
from tests.samples import as_json, request, span, spans_of

PROTOBUF = {"Content-Type": "application/x-protobuf"}
GZIP = {**PROTOBUF, "Content-Encoding": "gzip"}
JSON = {"Content-Type": "application/json"}
MESSAGE = request(span(1), span(2))
BODY = MESSAGE.SerializeToString()


class Client:
    """A bare HTTP client of one running ingest."""

    def __init__(self, base: str, session: aiohttp.ClientSession) -> None:
        self._base = base
        self._session = session

    async def send(
        self,
        body: Any = BODY,
        headers: Mapping[str, str] = PROTOBUF,
        *,
        path: str = "/v1/traces",
        method: str = "POST",
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Return the status, the headers and the body of the answer."""
        url = self._base + path
        async with self._session.request(method, url, data=body, headers=headers) as response:
            return response.status, response.headers, await response.read()


@pytest.fixture
def producer() -> RecordingProducer:
    """Return the buffer behind the ingest."""
    return RecordingProducer()


@pytest.fixture
async def client(producer: RecordingProducer) -> AsyncIterator[Client]:
    """Yield a client of an ingest with small limits."""
    settings: dict[str, Any] = {"request_bytes_max": 10_000, "inflight_bytes_max": 30_000}
    async with (
        running_ingest(producer, publish_seconds_max=0.3, **settings) as service,
        aiohttp.ClientSession(auto_decompress=False) as session,
    ):
        yield Client(f"http://127.0.0.1:{service.http_port}", session)


def status_in(headers: Mapping[str, str], body: bytes) -> Status:
    """Read a google.rpc.Status in whichever encoding it came."""
    if headers["Content-Type"].startswith("application/json"):
        return json_format.Parse(body, Status())
    assert headers["Content-Type"] == "application/x-protobuf"
    return Status.FromString(body)


@pytest.mark.parametrize(
    "content_type",
    ["application/x-protobuf", "Application/X-Protobuf", "application/x-protobuf; charset=utf-8"],
)
async def test_answers_protobuf_with_protobuf(client: Client, content_type: str) -> None:
    """Full success is a response without fields."""
    status, headers, body = await client.send(headers={"Content-Type": content_type})

    assert (status, headers["Content-Type"], body) == (200, "application/x-protobuf", b"")


@pytest.mark.parametrize("content_type", ["application/json", "APPLICATION/JSON;charset=UTF-8"])
async def test_answers_json_with_json(
    client: Client, producer: RecordingProducer, content_type: str
) -> None:
    """Full success is an empty object."""
    status, headers, body = await client.send(as_json(MESSAGE), {"Content-Type": content_type})

    assert (status, body) == (200, b"{}")
    assert headers["Content-Type"].startswith("application/json")
    assert spans_of(producer.records[0].value) == [span(1), span(2)]


async def test_publishes_the_body_as_it_came(client: Client, producer: RecordingProducer) -> None:
    """Valid protobuf reaches the buffer byte for byte."""
    await client.send()

    assert producer.records[0].value == BODY


async def test_rejects_one_invalid_span_among_a_hundred(
    client: Client, producer: RecordingProducer
) -> None:
    """OTLP: partial success says how many, and why, in the encoding of the request."""
    spans = [span(number) for number in range(1, 100)]
    message = request(*spans, span(100, trace_id=b"\1"))

    _, _, as_protobuf = await client.send(message.SerializeToString())
    status, _, as_text = await client.send(as_json(message), JSON)

    told = ExportTraceServiceResponse.FromString(as_protobuf).partial_success
    assert told.rejected_spans == 1
    assert told.error_message.startswith("1 of 100 spans rejected: 1 with a trace_id")
    assert status == 200
    assert b'"rejectedSpans": "1"' in as_text
    assert [spans_of(record.value) for record in producer.records] == [spans, spans]


@pytest.mark.parametrize("body", [b"", b"\x0a\x00"])
async def test_accepts_a_request_without_spans(
    client: Client, producer: RecordingProducer, body: bytes
) -> None:
    """OTLP: it is a success; there is nothing to publish."""
    status, _, _ = await client.send(body)

    assert (status, producer.records) == (200, [])


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("identity", BODY),
        ("gzip", gzip.compress(BODY)),
        ("GZIP", gzip.compress(BODY)),
        ("deflate", zlib.compress(BODY)),
        ("zstd", zstandard.compress(BODY)),
    ],
)
async def test_unpacks_content_encodings(
    client: Client, producer: RecordingProducer, encoding: str, body: bytes
) -> None:
    """OTLP demands gzip; the others are common."""
    status, _, _ = await client.send(body, {**PROTOBUF, "Content-Encoding": encoding})

    assert status == 200
    assert producer.records[0].value == BODY


async def test_reads_bodies_of_unknown_length(client: Client, producer: RecordingProducer) -> None:
    """Chunked transfer has the same limits."""

    async def chunks(count: int) -> AsyncIterator[bytes]:
        for _ in range(count):
            yield b"\x0a\x00" * 500

    assert (await client.send(BODY[:1]))[0] == 400
    accepted, _, _ = await client.send(chunks(10))
    refused, headers, body = await client.send(chunks(11))

    assert (accepted, refused) == (200, 413)
    assert "request_bytes_max" in status_in(headers, body).message
    assert producer.records == []


LARGE = request(span(1, name="x" * 20_000)).SerializeToString()


@pytest.mark.parametrize(
    ("expected", "changes"),
    [
        (400, {"body": b"\xff\xff"}),
        (400, {"body": BODY[:-1]}),
        (400, {"body": b"{", "headers": JSON}),
        (400, {"body": BODY, "headers": JSON}),
        (400, {"body": BODY, "headers": GZIP}),
        (400, {"body": gzip.compress(BODY)[:-9], "headers": GZIP}),
        (404, {"path": "/v1/nothing"}),
        (404, {"path": "/", "headers": JSON}),
        (405, {"method": "GET", "body": None, "headers": {}}),
        (405, {"method": "PUT", "headers": JSON}),
        (413, {"body": LARGE}),
        (413, {"body": as_json(request(span(1, name="x" * 20_000))), "headers": JSON}),
        (413, {"body": gzip.compress(LARGE), "headers": GZIP}),
        (415, {"headers": {"Content-Type": "text/plain"}}),
        (415, {"headers": {**JSON, "Content-Encoding": "br"}}),
    ],
)
async def test_refuses_with_a_status(
    client: Client, producer: RecordingProducer, expected: int, changes: dict[str, Any]
) -> None:
    """OTLP: the body of every 4xx is a google.rpc.Status in the encoding of the request."""
    status, headers, body = await client.send(**changes)

    assert status == expected
    told = status_in(headers, body)
    assert told.code
    assert told.message
    assert "Retry-After" not in headers
    is_json = changes.get("headers", {}).get("Content-Type") == "application/json"
    assert headers["Content-Type"].startswith("application/json") == is_json
    assert producer.records == []


async def test_names_the_methods_that_a_path_has(client: Client) -> None:
    """HTTP: 405 comes with Allow."""
    _, headers, _ = await client.send(method="GET", body=None)

    assert headers["Allow"] == "POST"


@pytest.mark.parametrize(("mode", "seconds"), [("full", "3"), ("failing", "1"), ("slow", "1")])
async def test_tells_when_to_come_back(
    client: Client, producer: RecordingProducer, mode: Any, seconds: str
) -> None:
    """What the buffer does not take in time is refused as retryable."""
    producer.mode = mode

    status, headers, body = await client.send(as_json(MESSAGE), JSON)

    assert (status, headers["Retry-After"]) == (503, seconds)
    assert status_in(headers, body).code == 14
    assert producer.waiting == 0


async def test_answers_a_bug_with_a_status(client: Client, producer: RecordingProducer) -> None:
    """The client learns nothing of what went wrong inside, and does not come back."""
    producer.mode = "broken"

    status, headers, body = await client.send()

    assert status == 500
    assert "secret" not in status_in(headers, body).message


async def test_holds_a_bounded_number_of_bytes(client: Client, producer: RecordingProducer) -> None:
    """Of five requests at once, those that do not fit are told to come back."""
    producer.mode = "slow"
    body = request(span(1, name="x" * 9_000)).SerializeToString()
    sending = [asyncio.create_task(client.send(body)) for _ in range(5)]
    while producer.waiting < 3:
        await asyncio.sleep(0.01)
    producer.proceed.set()

    statuses = sorted([(await task)[0] for task in sending])

    assert statuses == [200, 200, 200, 503, 503]
    assert REGISTRY.get_sample_value("sessiontrail_ingest_inflight_bytes") == 0


@pytest.mark.parametrize("framing", ["Content-Length: 1000", "Transfer-Encoding: chunked"])
async def test_survives_a_client_that_leaves_midway(framing: str) -> None:
    """What its request held is free again, and nothing of it is published."""
    producer = RecordingProducer()
    before = _refused_requests()
    async with running_ingest(producer) as service:
        _, writer = await asyncio.open_connection("127.0.0.1", service.http_port)
        head = f"POST /v1/traces HTTP/1.1\r\nHost: a\r\n{framing}\r\n"
        writer.write(f"{head}Content-Type: application/x-protobuf\r\n\r\n".encode())
        writer.write(b"2\r\n\x0a\x00\r\n")
        await writer.drain()
        await asyncio.sleep(0.05)  # the head and the first bytes are read by now
        writer.close()
        await writer.wait_closed()
        while _refused_requests() == before:
            await asyncio.sleep(0.01)

    assert REGISTRY.get_sample_value("sessiontrail_ingest_inflight_bytes") == 0
    assert producer.records == []


def _refused_requests() -> float:
    labels = {"transport": "http", "outcome": "refusal"}
    return REGISTRY.get_sample_value("otelcol_receiver_requests_total", labels) or 0


async def test_accepts_and_discards_metrics(client: Client, producer: RecordingProducer) -> None:
    """Exporters of all signals stay content; what they send is counted."""
    metrics = ExportMetricsServiceRequest()
    metric = metrics.resource_metrics.add().scope_metrics.add().metrics.add()
    metric.sum.data_points.add()
    metric.sum.data_points.add()
    before = _discarded()

    for path in ("/v1/metrics", "/api/public/otel/v1/metrics"):
        assert (await client.send(metrics.SerializeToString(), path=path))[0] == 200
        text = json_format.MessageToJson(metrics).encode()
        status, _, body = await client.send(text, JSON, path=path)
        assert (status, body) == (200, b"{}")
        assert (await client.send(b"\xff", path=path))[0] == 400
        assert (await client.send(b"[]", JSON, path=path))[0] == 400

    assert _discarded() - before == 8
    assert producer.records == []


def _discarded() -> float:
    labels = {"signal": "metrics"}
    return REGISTRY.get_sample_value("sessiontrail_discarded_items_total", labels) or 0


async def test_tells_an_operator_how_it_is(producer: RecordingProducer) -> None:
    """Alive is not ready: /readyz names what the process waits for."""
    producer.mode = "failing"
    async with (
        running_ingest(producer) as service,
        aiohttp.ClientSession() as session,
    ):
        client = Client(f"http://127.0.0.1:{service.http_port}", session)

        async def get(path: str) -> tuple[int, bytes]:
            status, _, body = await client.send(None, {}, path=path, method="GET")
            return status, body

        assert await get("/healthz") == (200, b'{"alive": true}')
        assert await get("/readyz") == (
            503,
            b'{"ready": false, "waiting_for": ["buffer: the log is away"]}',
        )
        producer.mode = "ok"
        await asyncio.sleep(CHECK_SECONDS_MIN)
        assert await get("/readyz") == (200, b'{"ready": true, "waiting_for": []}')
        status, body = await get("/metrics")
        assert status == 200
        assert b"otelcol_receiver_accepted_spans_total" in body
