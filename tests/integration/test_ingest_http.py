"""OTLP over HTTP, beyond what its specification says (tests/conformance)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import aiohttp
import pytest
from google.protobuf import json_format
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)

from ingest.readiness import CHECK_SECONDS_MIN
from runtime.metrics import REGISTRY
from tests.fakes import RecordingProducer, running_ingest
from tests.samples import request, span

PROTOBUF = {"Content-Type": "application/x-protobuf"}
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
    settings: dict[str, Any] = {"request_bytes_max": 10_000, "inflight_bytes_max": 450_000}
    async with (
        running_ingest(producer, publish_seconds_max=0.3, **settings) as service,
        aiohttp.ClientSession(headers={"Accept-Encoding": "identity"}) as session,
    ):
        yield Client(f"http://127.0.0.1:{service.http_port}", session)


async def test_publishes_the_body_as_it_came(client: Client, producer: RecordingProducer) -> None:
    """Valid protobuf reaches the buffer byte for byte."""
    await client.send()

    assert producer.records[0].value == BODY


async def test_packs_what_is_worth_it_where_that_is_asked_for(client: Client) -> None:
    """OTLP: the response may be gzipped for who says Accept-Encoding: gzip."""
    asked = {**PROTOBUF, "Accept-Encoding": "deflate, gzip"}
    status, headers, body = await client.send(b"\xff", {**asked, "Content-Encoding": "x" * 300})
    assert (status, headers["Content-Encoding"]) == (415, "gzip")
    assert "is not known" in Status.FromString(body).message
    _, headers, body = await client.send(headers=asked)
    assert ("Content-Encoding" in headers, body) == (False, b"")


async def test_refuses_headers_without_end(client: Client) -> None:
    """Before they are all read."""
    status, _, _ = await client.send(headers={**PROTOBUF, "X-Large": "x" * 100_000})
    assert status == 400


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
