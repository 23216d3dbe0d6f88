"""
Overload: twice what a receiver can take, from 200 connections, for a minute.

What must hold: the receiver's memory stays within bounds, nothing that was acknowledged is missing
from the log, whatever is not acknowledged is refused as worth a retry, and meanwhile as much is
taken as without the overload. Sender and receiver share the machine, so what the receiver can do is
measured first, beside a sender that only sends as fast as it is answered.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import tempfile
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import click
import psutil
from rich.console import Console

from benchmarks import measure
from benchmarks.crowd import Answers, Bodies, fingerprint, gathered
from benchmarks.spans import Requests, Shape
from tests import processes

# A batch of an exporter's, of spans as in the other benchmarks.
SHAPE = Shape(
    name="490 B",
    spans_per_request=128,
    spans_per_trace=8,
    text_bytes=0,
    templates=16,
    open_sessions=100,
)
_IN_FLIGHT = 32
_SAMPLE_SECONDS = 0.25
_SECONDS_METRIC = "sessiontrail_request_seconds"
_FOLDER = Path(__file__).parent / "results"
# The log keeps everything until it is counted: no worker runs.
_ASSIGNMENTS = ("buffer.embedded.value_bytes_max=64GiB",)


async def overload(
    folder: Path, *, connections: int, warm: float, seconds: float
) -> dict[str, Any]:
    """Measure what a receiver can do for `warm` seconds, offer twice that for `seconds`."""
    with processes.ingest(folder, *_ASSIGNMENTS, processes=1) as ingest:
        [process] = ingest.members()
        bodies = Bodies(Requests(SHAPE), templates=SHAPE.templates)
        async with gathered(
            ingest.grpc, ingest.http, connections=connections, bodies=bodies
        ) as crowd:
            capable = await crowd.as_answered(warm, in_flight=_IN_FLIGHT)
            capacity = capable.counts["acknowledged"] / warm
            memory: list[int] = []
            before = measure.scrape(f"{ingest.http}/metrics")
            async with _sampling(process, memory):
                started = time.perf_counter()
                answers = await crowd.at_rate(seconds, per_second=2 * capacity)
                took = time.perf_counter() - started
            after = measure.scrape(f"{ingest.http}/metrics")
        stored = _fingerprints(folder)
    return {
        "connections": connections,
        "capacity_spans_per_second": round(capacity * SHAPE.spans_per_request),
        "offered_spans_per_second": round(_offered(answers) / seconds * SHAPE.spans_per_request),
        "accepted_spans_per_second": round(
            answers.counts["acknowledged"] / took * SHAPE.spans_per_request
        ),
        "requests": dict(answers.counts),
        "neither_acknowledged_nor_refused": answers.lost_their_way,
        "acknowledged_and_not_in_the_log": len(
            (capable.acknowledged | answers.acknowledged) - stored
        ),
        "receiver_p99_seconds": measure.histogram_quantile(
            _of_all_transports(before), _of_all_transports(after), _SECONDS_METRIC, 0.99
        ),
        "latency_p50_seconds": measure.quantile(answers.seconds, 0.5),
        "latency_p99_seconds": measure.quantile(answers.seconds, 0.99),
        "memory_mib": _memory(memory),
    }


def _of_all_transports(metrics: Mapping[str, float]) -> dict[str, float]:
    """Return the histogram of how long requests took, over both transports."""
    summed: defaultdict[str, float] = defaultdict(float)
    for name, value in metrics.items():
        for transport in (",grpc}", ",http}"):
            if name.startswith(f"{_SECONDS_METRIC}_bucket") and name.endswith(transport):
                summed[name.removesuffix(transport) + "}"] += value
    return dict(summed)


def _offered(answers: Answers) -> int:
    return sum(answers.counts.values())


def _memory(samples: list[int]) -> dict[str, int]:
    """Return the most memory in each quarter of the time, in MiB: flat is what it should be."""
    quarter = max(1, len(samples) // 4)
    return {
        f"quarter_{number + 1}": max(samples[number * quarter :][:quarter]) // measure.MIB
        for number in range(4)
    }


@asynccontextmanager
async def _sampling(process: psutil.Process, memory: list[int]) -> AsyncIterator[None]:
    async def sample() -> None:
        while True:
            memory.append(process.memory_info().rss)
            await asyncio.sleep(_SAMPLE_SECONDS)

    sampling = asyncio.create_task(sample())
    try:
        yield
    finally:
        sampling.cancel()


def _fingerprints(folder: Path) -> set[bytes]:
    """Return what is in the log."""
    with closing(sqlite3.connect(folder / "buffer" / "otlp_spans.db")) as log:
        return {fingerprint(value) for (value,) in log.execute("SELECT value FROM record")}


@click.command()
@click.option("--connections", default=200, show_default=True)
@click.option("--warm", default=15.0, show_default=True, help="Seconds to find the capacity in.")
@click.option("--seconds", default=60.0, show_default=True, help="Seconds of overload.")
@click.option("--keep/--no-keep", default=True, help="Whether to write the result down.")
def main(*, connections: int, warm: float, seconds: float, keep: bool) -> None:
    """Measure, print the result, and keep it."""
    result: dict[str, Any] = measure.heading(
        "overload",
        goal="bounded memory, nothing acknowledged lost, refusals that can be sent again",
    )
    with tempfile.TemporaryDirectory(prefix="sessiontrail-overload-") as folder:
        measuring = overload(Path(folder), connections=connections, warm=warm, seconds=seconds)
        result |= asyncio.run(measuring)
    Console().print_json(json.dumps(result))
    if keep:
        print(measure.keep(result, folder=_FOLDER))


if __name__ == "__main__":
    main()
