"""Starting and stopping a whole ingest."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import aiohttp
import grpc.aio
import pytest

from ingest.service import serve
from runtime.config import Config
from runtime.errors import ConfigError
from tests.fakes import RecordingProducer, running_ingest
from tests.samples import request, span

BODY = request(span(1)).SerializeToString()
PROTOBUF = {"Content-Type": "application/x-protobuf"}
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


async def test_finishes_the_requests_under_way_before_it_stops() -> None:
    """Stopping loses nothing: both transports answer what they have taken, and take no more."""
    producer = RecordingProducer()
    producer.mode = "slow"
    async with aiohttp.ClientSession() as session:
        ingest = running_ingest(producer)
        service = await ingest.__aenter__()
        url = f"http://127.0.0.1:{service.http_port}/v1/traces"
        async with grpc.aio.insecure_channel(f"127.0.0.1:{service.grpc_port}") as channel:
            over_http = asyncio.create_task(session.post(url, data=BODY, headers=PROTOBUF))
            over_grpc = asyncio.ensure_future(channel.unary_unary(EXPORT)(BODY))
            while producer.waiting < 2:
                await asyncio.sleep(0.01)

            stopping = asyncio.create_task(ingest.__aexit__(None, None, None))
            await asyncio.sleep(0.2)
            assert not stopping.done()
            with pytest.raises(aiohttp.ClientConnectionError):
                await session.post(url, data=BODY, headers=PROTOBUF)
            producer.proceed.set()

            async with await over_http as response:
                assert response.status == 200
            assert await over_grpc == b""
            await stopping
    assert len(producer.records) == 2


@pytest.mark.parametrize("transport", ["grpc", "http"])
async def test_names_the_key_of_an_address_in_use(transport: str) -> None:
    """Another server may already be there."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        endpoint = f"127.0.0.1:{taken.getsockname()[1]}"
        settings: dict[str, Any] = {transport: {"endpoint": endpoint}}

        with pytest.raises(ConfigError, match=rf"ingest\.{transport}\.endpoint.*{endpoint}"):
            async with running_ingest(RecordingProducer(), **settings):
                pass


@pytest.mark.parametrize("transport", ["grpc", "http"])
async def test_shares_its_ports_with_nobody(transport: str) -> None:
    """Two pipelines on one port would each get some of the spans."""
    async with running_ingest(RecordingProducer()) as first:
        port = first.grpc_port if transport == "grpc" else first.http_port
        settings: dict[str, Any] = {transport: {"endpoint": f"127.0.0.1:{port}"}}
        with pytest.raises(ConfigError, match=rf"ingest\.{transport}\.endpoint"):
            async with running_ingest(RecordingProducer(), **settings):
                pass


@pytest.mark.parametrize("transport", ["grpc", "http"])
async def test_refuses_to_listen_beyond_loopback_without_keys(transport: str) -> None:
    """Whoever could reach it could send spans."""
    config = Config.model_validate({"ingest": {transport: {"endpoint": "0.0.0.0:0"}}})
    nowhere = RecordingProducer()

    with pytest.raises(ConfigError, match=rf"ingest\.{transport}\.endpoint: 0\.0\.0\.0:0"):
        async with serve(config, {"traces": nowhere}, rejected=nowhere):
            pass


async def test_listens_beyond_loopback_when_told_to() -> None:
    """An operator may have a wall of his own."""
    anywhere = {"endpoint": "0.0.0.0:0"}
    settings: dict[str, Any] = {"grpc": anywhere, "http": anywhere, "without_keys": True}
    async with running_ingest(RecordingProducer(), **settings) as service:
        assert service.grpc_port
        assert service.http_port


async def test_refuses_limits_that_contradict() -> None:
    """A request that is allowed must fit into what a process may hold."""
    with pytest.raises(ConfigError, match="inflight_bytes_max"):
        async with running_ingest(RecordingProducer(), inflight_bytes_max=1000):
            pass
