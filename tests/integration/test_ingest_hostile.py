"""A hostile network: senders that dawdle, promise, swell or crowd, and others beside them."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import grpc.aio
import psutil
import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from ingest import body as http_body
from ingest import grpc_body, http_receiver
from ingest.service import IngestService
from runtime import keys
from runtime.ingest_config import REQUEST_OVERHEAD_BYTES
from tests import processes
from tests.fakes import RecordingProducer, running_ingest
from tests.samples import request, span

MIB = 2**20
BODY = request(span(1)).SerializeToString()
PROTOBUF = {"Content-Type": "application/x-protobuf"}
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
HEAD = (
    "POST /v1/traces HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-protobuf\r\n"
    "Content-Length: {}\r\n\r\n"
)


async def accepted_over_both(grpc_target: str, http_base: str) -> bool:
    """Return whether a request is accepted over each transport, on new connections."""
    own = [("grpc.use_local_subchannel_pool", 1)]
    async with (
        asyncio.timeout(20),
        grpc.aio.insecure_channel(grpc_target, options=own) as channel,
        aiohttp.ClientSession() as session,
        session.post(f"{http_base}/v1/traces", data=BODY, headers=PROTOBUF) as response,
    ):
        return response.status == 200 and await channel.unary_unary(EXPORT)(BODY) == b""


async def still_accepts(service: IngestService) -> bool:
    """Return whether a receiver in this process does."""
    http = f"http://127.0.0.1:{service.http_port}"
    return await accepted_over_both(f"127.0.0.1:{service.grpc_port}", http)


async def refusal(call: Any) -> tuple[grpc.StatusCode, bool]:
    """Return the code that a call ends with, and whether it says when to come back."""
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call
    details = dict(refused.value.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
    told = Status.FromString(details).details
    return refused.value.code(), bool(told) and told[0].Is(RetryInfo.DESCRIPTOR)


@pytest.fixture
def _little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_receiver, "_IDLE_SECONDS_MAX", 0.5)
    monkeypatch.setattr(http_body, "READ_SECONDS_MAX", 0.5)
    monkeypatch.setattr(grpc_body, "READ_SECONDS_MAX", 0.5)
    monkeypatch.setattr(grpc_body, "_LOOK_SECONDS", 0.1)


@pytest.mark.usefixtures("_little_patience")
@pytest.mark.parametrize("said", ["", "POST /v1/tra", HEAD.format(9)[:-2]], ids=len)
async def test_half_a_head_is_not_waited_for(said: str) -> None:
    """A hundred connections that never finish their headers are closed, and hold up nobody."""
    async with running_ingest(RecordingProducer()) as service, AsyncExitStack() as stack:
        opened = []
        for _ in range(100):
            reader, writer = await asyncio.open_connection("127.0.0.1", service.http_port)
            stack.callback(writer.close)
            writer.write(said.encode())
            opened.append(reader)
        assert await still_accepts(service)
        async with asyncio.timeout(20):
            assert [await reader.read() for reader in opened] == [b""] * 100


@pytest.mark.usefixtures("_little_patience")
async def test_half_a_body_is_refused_in_the_end_and_holds_what_it_is() -> None:
    """A promise of 64 MiB takes nothing from others; who made it is told to come back."""
    size = 64 * MIB
    producer = RecordingProducer()
    async with running_ingest(producer) as service, AsyncExitStack() as stack:
        opened = []
        for _ in range(100):
            reader, writer = await asyncio.open_connection("127.0.0.1", service.http_port)
            stack.callback(writer.close)
            writer.write(HEAD.format(size).encode() + BODY)
            opened.append(reader)
        assert await still_accepts(service)
        async with asyncio.timeout(20):
            for reader in opened:
                assert b" 503 " in await reader.readline()
                assert b"Retry-After: 1\r\n" in await reader.readuntil(b"\r\n\r\n")
        # A server that stops waits for who may still be sending.
        await stack.aclose()
        await asyncio.sleep(0.2)
    assert len(producer.records) == 2


async def nothing_yet() -> AsyncIterator[bytes]:
    """Yield a message in a minute."""
    await asyncio.sleep(60)
    yield BODY


@pytest.mark.usefixtures("_little_patience")
async def test_a_call_without_its_message_is_refused_in_the_end() -> None:
    """Nobody knows how large it will be, so few are waited for; others are not held up."""
    async with running_ingest(RecordingProducer()) as service:
        target = f"127.0.0.1:{service.grpc_port}"
        async with grpc.aio.insecure_channel(target) as channel:
            slow = [channel.stream_unary(EXPORT)(nothing_yet(), timeout=20) for _ in range(50)]
            waiting = [asyncio.ensure_future(refusal(call)) for call in slow]
            assert await still_accepts(service)
            assert set(await asyncio.gather(*waiting)) == {(grpc.StatusCode.UNAVAILABLE, True)}


async def test_connections_have_a_bound() -> None:
    """One too many is closed at once, and there is room again when one leaves."""
    async with running_ingest(RecordingProducer(), connections_max=3) as service:
        for port in (service.http_port, service.grpc_port):
            opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
            await asyncio.sleep(0.2)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            async with asyncio.timeout(5):
                assert await reader.read() == b""
            for _, kept in [*opened, (reader, writer)]:
                kept.close()
        await asyncio.sleep(0.2)
        assert await still_accepts(service)


Send = Callable[[bytes, Mapping[str, str]], Coroutine[None, None, str]]


@asynccontextmanager
async def over_grpc(service: IngestService) -> AsyncIterator[Send]:
    """Yield what sends a body, with its key, and says how that ended."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{service.grpc_port}") as channel:

        async def send(body: bytes, headers: Mapping[str, str]) -> str:
            try:
                await channel.unary_unary(EXPORT)(body, metadata=tuple(headers.items()))
            except grpc.aio.AioRpcError as error:
                assert error.code() is grpc.StatusCode.UNAVAILABLE
                return "come back"
            return "accepted"

        yield send


@asynccontextmanager
async def over_http(service: IngestService) -> AsyncIterator[Send]:
    """Yield the same over HTTP."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, headers=PROTOBUF) as session:

        async def send(body: bytes, headers: Mapping[str, str]) -> str:
            url = f"http://127.0.0.1:{service.http_port}/v1/traces"
            async with session.post(url, data=BytesIO(body), headers=headers) as response:
                return {200: "accepted", 503: "come back"}[response.status]

        yield send


TRANSPORTS = {"grpc": over_grpc, "http": over_http}


@pytest.fixture
def projects(tmp_path: Path) -> dict[str, dict[str, str]]:
    """Return what proves each of two projects, and write their keys."""
    made = {
        name: keys.create(tmp_path / "keys.json", project=name, role="editor", name="")
        for name in ("noisy", "quiet")
    }
    return {name: {"authorization": f"Bearer {key.secret}"} for name, key in made.items()}


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_noisy_project_does_not_starve_a_quiet_one(
    tmp_path: Path, projects: dict[str, dict[str, str]], transport: str
) -> None:
    """It is refused for what it holds, while everything that the quiet one sends is accepted."""
    producer = RecordingProducer()
    producer.mode = "slow"
    large = request(span(1, name="x" * MIB)).SerializeToString()
    limits: dict[str, Any] = {"request_bytes_max": "4MiB", "inflight_bytes_max": "40MiB"}
    async with (
        running_ingest(producer, keys_file=tmp_path / "keys.json", **limits) as service,
        TRANSPORTS[transport](service) as send,
    ):
        noisy = [asyncio.create_task(send(large, projects["noisy"])) for _ in range(60)]
        expected = 20 * MIB // (len(large) + REQUEST_OVERHEAD_BYTES)
        async with asyncio.timeout(30):
            while producer.waiting < expected:
                await asyncio.sleep(0.01)
        producer.mode = "ok"

        assert {await send(BODY, projects["quiet"]) for _ in range(50)} == {"accepted"}
        answers = asyncio.gather(*(send(BODY, projects["quiet"]) for _ in range(50)))
        assert set(await answers) == {"accepted"}
        producer.proceed.set()
        ended = await asyncio.gather(*noisy)
    assert set(ended) == {"accepted", "come back"}
    assert expected <= ended.count("accepted") < 60


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_rate_holds_its_project_off(
    tmp_path: Path, projects: dict[str, dict[str, str]], transport: str
) -> None:
    """Whatever it sends; others go on, also those without a rate."""
    rate = {"bytes_per_second": 100_000, "projects": {"quiet": None}}
    body = request(span(1, name="x" * 700_000)).SerializeToString()
    async with (
        running_ingest(RecordingProducer(), keys_file=tmp_path / "keys.json", rate=rate) as service,
        TRANSPORTS[transport](service) as send,
    ):
        noisy = [await send(body, projects["noisy"]) for _ in range(3)]
        quiet = [await send(body, projects["quiet"]) for _ in range(3)]
    assert noisy == ["accepted", "accepted", "come back"]
    assert quiet == ["accepted"] * 3


@pytest.fixture(scope="module")
def ingest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[processes.Ingest]:
    """A real receiver, whose memory is looked at."""
    with processes.ingest(tmp_path_factory.mktemp("ingest"), processes=1) as running:
        yield running


async def test_bombs_cost_bounded_memory_and_hold_up_nobody(ingest: processes.Ingest) -> None:
    """Sixteen bodies of 1 GiB each, packed into 1 MiB, over both transports."""
    bomb = gzip.compress(bytes(MIB)) * 1024
    headers = {**PROTOBUF, "Content-Encoding": "gzip"}
    [process] = ingest.members()
    before = process.memory_info().rss
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        grpc.aio.insecure_channel(ingest.grpc) as channel,
        aiohttp.ClientSession(connector=connector) as session,
    ):

        async def over_http() -> int:
            url = f"{ingest.http}/v1/traces"
            async with session.post(url, data=BytesIO(bomb), headers=headers) as response:
                return response.status

        async def over_grpc() -> int:
            # Sent as it is: gRPC itself would pack it once more.
            code, _ = await refusal(channel.unary_unary(EXPORT)(bomb))
            return {grpc.StatusCode.RESOURCE_EXHAUSTED: 413, grpc.StatusCode.UNAVAILABLE: 503}[code]

        sent = [over_http() for _ in range(8)] + [over_grpc() for _ in range(8)]
        answers = asyncio.gather(*sent)
        grown = asyncio.create_task(_most_memory(process))
        assert await accepted_over_both(ingest.grpc, ingest.http)
        assert set(await answers) <= {413, 503}
        grown.cancel()
    peak = await grown
    # One of them at a time becomes the largest request, in pieces; all come in as they are sent.
    assert peak - before < 250 * MIB
    assert await accepted_over_both(ingest.grpc, ingest.http)


async def _most_memory(process: psutil.Process) -> int:
    """Return the most memory that a process has, until cancelled."""
    peak = 0
    with suppress(asyncio.CancelledError):
        while True:
            peak = max(peak, process.memory_info().rss)
            await asyncio.sleep(0.02)
    return peak
