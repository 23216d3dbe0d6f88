"""Exports under Langfuse's path: handed on to a real ingest as they are, and its answers back."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from google.protobuf import json_format
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from query.service import serve
from runtime.config import Config
from runtime.metrics import REGISTRY
from runtime.section import HostPort
from tests.fakes import RecordingProducer, running_ingest
from tests.processes import free_port
from tests.samples import as_json, request, span, spans_of

PATH = "/api/public/otel/v1/traces"
PROTOBUF = {"Content-Type": "application/x-protobuf"}
JSON = {"Content-Type": "application/json"}
MESSAGE = request(span(1), span(2))
BODY = MESSAGE.SerializeToString()
BYTES_MAX = 10_000

Reply = tuple[int, Mapping[str, str], bytes]


class Client:
    """A bare HTTP client of one running query process."""

    def __init__(self, base: str, session: aiohttp.ClientSession) -> None:
        self.base = base
        self._session = session

    async def send(
        self,
        body: Any = BODY,
        headers: Mapping[str, str] = PROTOBUF,
        *,
        path: str = PATH,
        method: str = "POST",
    ) -> Reply:
        """Return the status, the headers and the body of the answer."""
        url = self.base + path
        async with self._session.request(method, url, data=body, headers=headers) as response:
            return response.status, response.headers, await response.read()


@asynccontextmanager
async def forwarding_to(ingest: str) -> AsyncIterator[Client]:
    """Run a query process in front of an ingest; it needs no store to hand exports on."""
    endpoint = HostPort("127.0.0.1", 0)
    config = Config.model_validate({"query": {"endpoint": endpoint, "ingest_url": ingest}})
    async with serve(config) as address, aiohttp.ClientSession(auto_decompress=False) as session:
        yield Client(f"http://{address}", session)


@asynccontextmanager
async def standing_in(handler: Any) -> AsyncIterator[str]:
    """Run a server that does what ingest never would, and yield its address."""
    application = web.Application(client_max_size=2**30)
    application.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(application, auto_decompress=False)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@pytest.fixture
def producer() -> RecordingProducer:
    """Return the buffer behind the ingest."""
    return RecordingProducer()


@pytest.fixture
async def client(producer: RecordingProducer) -> AsyncIterator[Client]:
    """Yield a client of a query process in front of an ingest with small limits."""
    limits: dict[str, Any] = {"request_bytes_max": BYTES_MAX, "inflight_bytes_max": 2**20}
    async with (
        running_ingest(producer, publish_seconds_max=0.3, **limits) as service,
        forwarding_to(f"http://127.0.0.1:{service.http_port}") as client,
    ):
        yield client


async def _chunks(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (BODY, PROTOBUF),
        (gzip.compress(BODY), {**PROTOBUF, "Content-Encoding": "gzip"}),
        (as_json(MESSAGE), JSON),
    ],
    ids=["protobuf", "gzip", "json"],
)
@pytest.mark.parametrize("chunked", [False, True])
async def test_hands_exports_on(
    client: Client,
    producer: RecordingProducer,
    body: bytes,
    headers: Mapping[str, str],
    *,
    chunked: bool,
) -> None:
    """In whichever encoding, and whether or not their length is told before."""
    status, told, answer = await client.send(_chunks(body, 100) if chunked else body, headers)

    assert status == 200
    assert told["Content-Type"].startswith(headers["Content-Type"])
    assert answer in (b"", b"{}")
    assert spans_of(producer.records[0].value) == [span(1), span(2)]


async def test_hands_the_answer_back(client: Client) -> None:
    """Partial success says which spans are rejected, and why."""
    message = request(span(1), span(2, trace_id=b"\1"))

    status, _, body = await client.send(message.SerializeToString())

    told = ExportTraceServiceResponse.FromString(body).partial_success
    assert (status, told.rejected_spans) == (200, 1)
    assert "trace_id" in told.error_message


async def test_hands_on_metrics_and_logs(client: Client) -> None:
    """SDKs that export them too stay content."""
    for signal in ("metrics", "logs"):
        assert (await client.send(b"", path=f"/api/public/otel/v1/{signal}"))[0] == 200


LARGE = request(span(1, name="x" * 2 * BYTES_MAX)).SerializeToString()


@pytest.mark.parametrize(
    ("expected", "changes"),
    [
        (400, {"body": b"\xff\xff"}),
        (400, {"body": b"{", "headers": JSON}),
        (400, {"body": BODY, "headers": {**PROTOBUF, "Content-Encoding": "gzip"}}),
        (413, {"body": LARGE}),
        (413, {"body": gzip.compress(LARGE), "headers": {**PROTOBUF, "Content-Encoding": "gzip"}}),
        (415, {"headers": {"Content-Type": "text/plain"}}),
        (415, {"headers": {**PROTOBUF, "Content-Encoding": "br"}}),
    ],
)
async def test_hands_refusals_back(
    client: Client, producer: RecordingProducer, expected: int, changes: dict[str, Any]
) -> None:
    """As OTLP wants them: a google.rpc.Status in the encoding of the request, and no retry."""
    status, headers, body = await client.send(**changes)

    assert status == expected
    assert _status(headers, body).message
    assert "Retry-After" not in headers
    assert producer.records == []


async def test_hands_on_no_more_than_ingest_takes(client: Client) -> None:
    """A body without a told length is refused while it comes, not after it."""
    status, headers, body = await client.send(_chunks(LARGE, 1000))

    assert status == 413
    assert "request_bytes_max" in _status(headers, body).message


@pytest.mark.parametrize(("mode", "seconds"), [("full", "3"), ("failing", "1"), ("slow", "1")])
async def test_hands_back_when_to_come_again(
    client: Client, producer: RecordingProducer, mode: Any, seconds: str
) -> None:
    """What the buffer does not take in time is sent again."""
    producer.mode = mode

    status, headers, body = await client.send()

    assert (status, headers["Retry-After"]) == (503, seconds)
    assert _status(headers, body).code == 14


@pytest.mark.parametrize("headers", [PROTOBUF, JSON], ids=["protobuf", "json"])
async def test_tells_to_come_again_when_ingest_is_away(headers: Mapping[str, str]) -> None:
    """Nobody listens, or whoever does hangs up."""

    async def hang_up(http: web.Request) -> web.Response:
        assert http.transport is not None
        http.transport.abort()
        return web.Response()

    before = _unforwarded()
    async with standing_in(hang_up) as rude:
        for ingest in (f"http://127.0.0.1:{free_port()}", rude):
            async with forwarding_to(ingest) as client:
                status, told, body = await client.send(headers=headers)
                assert status == 503
                assert int(told["Retry-After"]) > 0
                error = _status(told, body)
                delay = RetryInfo()
                assert (error.code, error.details[0].Unpack(delay)) == (14, True)
                assert str(delay.retry_delay.seconds) == told["Retry-After"]
    assert _unforwarded() - before == 2


async def test_tells_ingest_who_sends_and_nothing_else() -> None:
    """What is between two machines stays between them; what a cookie says is for pages."""
    heard: list[Mapping[str, str]] = []

    async def listen(http: web.Request) -> web.Response:
        heard.append(http.headers)
        headers = {"WWW-Authenticate": "Basic", "Set-Cookie": "a=b", "X-Inside": "1"}
        return web.Response(status=401, headers=headers)

    sent = {
        **PROTOBUF,
        "Authorization": "Basic cGs6c2s=",
        "X-Langfuse-Ingestion-Version": "4",
        "Cookie": "session=secret",
        "Connection": "keep-alive, X-Hop",
        "X-Hop": "1",
    }
    async with standing_in(listen) as ingest, forwarding_to(ingest) as client:
        status, told, _ = await client.send(headers=sent)
        await client.send(headers=sent)

    for headers in heard:
        names = {name.lower() for name in headers}
        assert names - {"host", "accept"} == {
            *("authorization", "content-type", "content-length", "x-langfuse-ingestion-version")
        }
        assert headers["Authorization"] == sent["Authorization"]
    assert (status, told["WWW-Authenticate"]) == (401, "Basic")
    assert not {"Set-Cookie", "X-Inside"} & set(told)


async def test_follows_no_redirect() -> None:
    """Keys go to ingest and to nobody that it names."""
    asked: list[str] = []

    async def redirect(http: web.Request) -> web.Response:
        asked.append(http.path)
        raise web.HTTPTemporaryRedirect("/elsewhere")

    async with standing_in(redirect) as ingest, forwarding_to(ingest) as client:
        status, headers, _ = await client.send()

    assert (status, asked) == (307, ["/v1/traces"])
    assert "Location" not in headers


async def test_holds_little_of_what_it_hands_on() -> None:
    """An ingest that does not read holds up the sender; nothing piles up in between."""
    proceed = asyncio.Event()
    size = 0

    async def dawdle(http: web.Request) -> web.Response:
        nonlocal size
        await proceed.wait()
        async for chunk in http.content.iter_any():
            size += len(chunk)
        return web.Response()

    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(1024):
            sent += 128 * 1024
            yield bytes(128 * 1024)

    async with standing_in(dawdle) as ingest, forwarding_to(ingest) as client:
        sending = asyncio.create_task(client.send(endless()))
        held = -1
        while held != sent:  # until it is held up
            held = sent
            await asyncio.sleep(0.3)
        proceed.set()
        status, _, _ = await sending

    assert status == 200
    assert size == 128 * 2**20
    assert held < 32 * 2**20  # most of it in the system's own buffers, of two connections


async def test_hands_on_nothing_that_is_cut_off(
    client: Client, producer: RecordingProducer
) -> None:
    """A sender that leaves midway has sent nothing, and leaves nothing behind."""
    before = _refused()
    host, port = client.base.removeprefix("http://").split(":")
    for framing in ("Content-Length: 1000", "Transfer-Encoding: chunked"):
        _, writer = await asyncio.open_connection(host, int(port))
        head = f"POST {PATH} HTTP/1.1\r\nHost: a\r\n{framing}\r\n"
        writer.write(f"{head}Content-Type: application/x-protobuf\r\n\r\n".encode())
        writer.write(b"2\r\n\x0a\x00\r\n")
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.close()
        await writer.wait_closed()
    while _refused() - before < 2:
        await asyncio.sleep(0.01)

    assert producer.records == []
    assert (await client.send())[0] == 200


def _status(headers: Mapping[str, str], body: bytes) -> Status:
    if headers["Content-Type"].startswith("application/json"):
        return json_format.Parse(body, Status())
    assert headers["Content-Type"] == "application/x-protobuf"
    return Status.FromString(body)


def _unforwarded() -> float:
    return REGISTRY.get_sample_value("sessiontrail_unforwarded_requests_total") or 0


def _refused() -> float:
    labels = {"transport": "http", "outcome": "refusal"}
    return REGISTRY.get_sample_value("otelcol_receiver_requests_total", labels) or 0
