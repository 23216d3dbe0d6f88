"""
The load: requests sent as fast as they are acknowledged, from a process of its own.

Each sender waits for its answer before it sends again, as an exporter does. What is refused as
UNAVAILABLE is sent again, so that every span ends up acknowledged; anything else ends the run.
"""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import grpc.aio

from benchmarks.spans import SHAPES, Requests

METHOD = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
CHANNEL_OPTIONS = [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]

_CONNECTIONS = 2
_PAUSE_SECONDS = 0.005
_RETRY_SECONDS = 0.1
_START_SECONDS_MAX = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the load has to say in the end. Latencies are those of acknowledged requests."""

    retries: int
    latencies: list[float]


class Load:
    """A running load generator, as the process that measures sees it."""

    def __init__(self, context: Any) -> None:
        self.going = context.Value("b", 0, lock=False)
        self.ended = context.Value("b", 0, lock=False)
        # Spans a second; 0 is as fast as they are acknowledged.
        self.rate = context.Value("d", 0.0, lock=False)
        self.waiting = context.Value("i", 0, lock=False)  # requests without an answer yet
        self.acknowledged_spans = context.Value("Q", 0, lock=False)
        self.acknowledged_bytes = context.Value("Q", 0, lock=False)
        self.process: Any = None

    @property
    def pid(self) -> int:
        """The process that costs what sending costs."""
        pid: int = self.process.pid
        return pid

    def go(self, *, rate: float = 0.0) -> None:
        """Send from now on."""
        self.rate.value = rate
        self.going.value = 1

    def pause(self) -> None:
        """Send no further request; those under way go on."""
        self.going.value = 0

    def is_answered(self) -> bool:
        """Whether no request is under way."""
        return bool(self.waiting.value == 0)


@contextmanager
def running(target: str, shape_name: str, *, in_flight: int) -> Iterator[tuple[Load, Any]]:
    """Yield a load that is ready to go, and the queue that its report arrives in once ended."""
    context = multiprocessing.get_context("spawn")
    load, reports, ready = Load(context), context.Queue(), context.Event()
    controls = {name: value for name, value in vars(load).items() if name != "process"}
    arguments = {"in_flight": in_flight, "controls": controls, "ready": ready, "reports": reports}
    process = context.Process(
        target=_main, args=(target, shape_name), kwargs=arguments, daemon=True
    )
    process.start()
    load.process = process
    with ExitStack() as stack:
        stack.callback(process.join, timeout=10)
        stack.callback(_end, load)
        deadline = time.monotonic() + _START_SECONDS_MAX
        while not ready.wait(0.1):
            if not process.is_alive() or time.monotonic() > deadline:
                raise RuntimeError("the load generator did not start; it has said why")
        yield load, reports


def _end(load: Load) -> None:
    load.ended.value = 1


def _main(
    target: str,
    shape_name: str,
    *,
    in_flight: int,
    controls: dict[str, Any],
    ready: Any,
    reports: Any,
) -> None:
    requests = Requests(SHAPES[shape_name])
    ready.set()
    reports.put(asyncio.run(_Senders(requests, controls).run(target, in_flight)))


class _Senders:
    """All senders of one load."""

    def __init__(self, requests: Requests, controls: dict[str, Any]) -> None:
        self._requests = requests
        self._spans = requests.shape.spans_per_request
        self._controls = controls
        self._due = 0.0
        self._retries = 0
        self._latencies: list[float] = []

    async def run(self, target: str, in_flight: int) -> Report:
        """Send until told to end."""
        async with asyncio.TaskGroup() as tasks:
            channels = [
                grpc.aio.insecure_channel(target, options=CHANNEL_OPTIONS)
                for _ in range(_CONNECTIONS)
            ]
            for channel in itertools.islice(itertools.cycle(channels), in_flight):
                tasks.create_task(self._send(channel.unary_unary(METHOD)))
        for channel in channels:
            await channel.close()
        return Report(retries=self._retries, latencies=self._latencies)

    async def _send(self, export: Any) -> None:
        controls = self._controls
        while not controls["ended"].value:
            if not controls["going"].value or not await self._turn():
                await asyncio.sleep(_PAUSE_SECONDS)
                continue
            body = self._requests.next()
            controls["waiting"].value += 1
            await self._export(export, body)
            controls["acknowledged_spans"].value += self._spans
            controls["acknowledged_bytes"].value += len(body)
            controls["waiting"].value -= 1

    async def _turn(self) -> bool:
        """Wait until the next request is due; say whether it still is to be sent by then."""
        rate = self._controls["rate"].value
        if rate:
            now = time.monotonic()
            # Who is late does not catch up beyond a tenth of a second: no bursts after a pause.
            self._due = max(self._due + self._spans / rate, now - 0.1)
            await asyncio.sleep(max(0.0, self._due - now))
        return bool(self._controls["going"].value)

    async def _export(self, export: Any, body: bytes) -> None:
        while True:
            started = time.perf_counter()
            try:
                answer = await export(body)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
                self._retries += 1
                await asyncio.sleep(_RETRY_SECONDS)
            else:
                if answer:
                    raise RuntimeError("the receiver rejected some of the spans")
                self._latencies.append(time.perf_counter() - started)
                return
