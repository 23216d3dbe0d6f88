"""
A crowd of senders: many connections over both transports, which together offer so many requests a
second, whatever becomes of them. What is refused is not sent again: it is the receiver that is
measured, and a refusal is an answer.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import aiohttp
import grpc
import grpc.aio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from benchmarks.load import CHANNEL_OPTIONS, METHOD
from benchmarks.spans import Requests

# Exporters give up after that, and count the request as failed.
_ANSWER_SECONDS_MAX = 10.0
_TICK_SECONDS = 0.005
_STREAMS_MAX = 100
# OTLP (Failures): retryable. CANCELLED is what gRPC itself says to a call that waited too long.
_RETRYABLE_CODES = {
    grpc.StatusCode.UNAVAILABLE: "refused",
    grpc.StatusCode.CANCELLED: "cancelled",
}
_RETRYABLE_STATUSES = {429, 502, 503, 504}

_Send = Callable[[bytes], Awaitable[str]]
# So much of a request holds the first of its ids.
_HEAD_BYTES = 1024


def fingerprint(body: bytes) -> bytes:
    """Return what a request is known by afterwards."""
    return hashlib.blake2b(body[:_HEAD_BYTES], digest_size=8).digest()


class Bodies:
    """An endless supply of requests that differ in one id: who offers too much has little time."""

    def __init__(self, requests: Requests, *, templates: int) -> None:
        made = [requests.next() for _ in range(templates)]
        self._templates = itertools.cycle([(body, _place_of_an_id(body)) for body in made])

    def next(self) -> bytes:
        """Return a request that was never returned before."""
        body, at = next(self._templates)
        return b"".join((body[:at], os.urandom(16), body[at + 16 :]))


def _place_of_an_id(body: bytes) -> int:
    message = ExportTraceServiceRequest.FromString(body)
    first: bytes = message.resource_spans[0].scope_spans[0].spans[0].trace_id
    return body.index(first, 0, _HEAD_BYTES)


@dataclass(slots=True)
class _Connection:
    """What sends on one connection, and how many requests it may have under way at once."""

    send: _Send
    requests_max: int
    requests: int = 0


@dataclass(slots=True)
class Answers:
    """What became of the requests: acknowledged, refused, cancelled, or whatever it was."""

    counts: Counter[str] = field(default_factory=Counter)
    acknowledged: set[bytes] = field(default_factory=set)
    seconds: list[float] = field(default_factory=list)  # of acknowledged requests

    @property
    def lost_their_way(self) -> dict[str, int]:
        """What is neither a success nor retryable: nobody may get that for a valid request."""
        known = {"acknowledged", *_RETRYABLE_CODES.values()}
        return {answer: count for answer, count in self.counts.items() if answer not in known}


class Crowd:
    """The connections, and what sends on them."""

    def __init__(self, connections: list[_Connection], bodies: Bodies) -> None:
        self._connections = connections
        self._bodies = bodies

    async def as_answered(self, seconds: float, *, in_flight: int) -> Answers:
        """Send as fast as answers come, so many requests at a time: what the receiver can do."""
        answers, ends_at = Answers(), time.perf_counter() + seconds

        async def sender(connection: _Connection) -> None:
            while time.perf_counter() < ends_at:
                await self._one(connection, answers)

        some = itertools.islice(itertools.cycle(self._connections), in_flight)
        await asyncio.gather(*(sender(connection) for connection in some))
        return answers

    async def at_rate(self, seconds: float, *, per_second: float) -> Answers:
        """
        Send so many requests a second, and wait for the answers to all of them. One that is due
        while every connection is busy is not sent.
        """
        answers, started, due = Answers(), time.perf_counter(), 0
        idle = self._idle()
        async with asyncio.TaskGroup() as tasks:
            while (elapsed := time.perf_counter() - started) < seconds:
                while due < elapsed * per_second:
                    due += 1
                    if connection := next(idle):
                        tasks.create_task(self._one(connection, answers))
                await asyncio.sleep(_TICK_SECONDS)
        return answers

    def _idle(self) -> Iterator[_Connection | None]:
        """Yield connections in turn that may have another request under way; None if none may."""
        tried = 0
        for connection in itertools.cycle(self._connections):
            tried += 1
            if connection.requests < connection.requests_max:
                tried = 0
                yield connection
            elif tried == len(self._connections):
                tried = 0
                yield None

    async def _one(self, connection: _Connection, answers: Answers) -> None:
        body = self._bodies.next()
        started = time.perf_counter()
        connection.requests += 1
        answer = await connection.send(body)
        connection.requests -= 1
        answers.counts[answer] += 1
        if answer == "acknowledged":
            answers.acknowledged.add(fingerprint(body))
            answers.seconds.append(time.perf_counter() - started)


@asynccontextmanager
async def gathered(
    grpc_target: str, http_base: str, *, connections: int, bodies: Bodies
) -> AsyncIterator[Crowd]:
    """Yield a crowd of so many connections, one half over each transport."""
    async with AsyncExitStack() as stack:
        made: list[_Connection] = []
        for _ in range(connections // 2):
            channel = grpc.aio.insecure_channel(grpc_target, options=CHANNEL_OPTIONS)
            send = _over_grpc(await stack.enter_async_context(channel))
            made.append(_Connection(send, requests_max=_STREAMS_MAX))
            session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=1),
                timeout=aiohttp.ClientTimeout(total=_ANSWER_SECONDS_MAX),
                headers={"Content-Type": "application/x-protobuf"},
            )
            send = _over_http(await stack.enter_async_context(session), http_base)
            made.append(_Connection(send, requests_max=1))
        yield Crowd(made, bodies)


def _over_grpc(channel: Any) -> _Send:
    export = channel.unary_unary(METHOD)

    async def send(body: bytes) -> str:
        try:
            answer = await export(body, timeout=_ANSWER_SECONDS_MAX)
        except grpc.aio.AioRpcError as error:
            return _RETRYABLE_CODES.get(error.code(), str(error.code()))
        return "rejected" if answer else "acknowledged"

    return send


def _over_http(session: aiohttp.ClientSession, base: str) -> _Send:
    async def send(body: bytes) -> str:
        try:
            async with session.post(f"{base}/v1/traces", data=BytesIO(body)) as response:
                if response.status in _RETRYABLE_STATUSES:
                    return "refused"
                answer = await response.read()
                if response.status != 200 or answer:
                    return f"{response.status}"
                return "acknowledged"
        except (aiohttp.ClientError, TimeoutError) as error:
            return type(error).__name__

    return send
