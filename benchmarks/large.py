"""
What is large: a session of 20,000 traces, a trace of 10,000 spans, and spans of 100 KB, each coming
in bit by bit beside a store that is in use.

For each of them: what a batch costs to insert and to resolve, in the beginning and in the end; how
late the figures are; how fast it is read, at the real `sessiontrail query`, over HTTP.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from benchmarks import measure
from benchmarks.query import Reader, filled
from runtime.config import SessionsConfig, TimesConfig
from store.client import Store
from tests.exactness import record
from tests.model import SentSpan
from tests.processes import Pipeline
from workers.batch import Batch
from workers.inserter import Inserter
from workers.resolver import Resolver

_EDGE = 10  # how many batches are "the first" and "the last"
_CHILDREN = 4
_WORDS = [f"{word:x}" for word in random.Random(7).choices(range(16**7), k=6000)]


@dataclass(frozen=True, slots=True)
class Shape:
    """A session, and the batches that it comes in."""

    traces: int
    spans_per_trace: int
    text_bytes: int  # of what goes into a span and comes out of it
    batches: int

    def bring(self, session_id: str) -> Iterator[list[SentSpan]]:
        """Yield what each batch brings, in the order in which it began."""
        numbers = range(self.traces * self.spans_per_trace)
        traces = [secrets.token_hex(16) for _ in range(self.traces)]
        size = len(numbers) // self.batches
        for at in range(0, len(numbers), size):
            yield [self._span(session_id, traces, number) for number in numbers[at : at + size]]

    def _span(self, session_id: str, traces: Sequence[str], number: int) -> SentSpan:
        trace, place = divmod(number, self.spans_per_trace)
        now_ns = time.time_ns()
        return SentSpan(
            trace_id=traces[trace],
            span_id=f"{place + 1:016x}",
            parent_span_id=f"{(place - 1) // _CHILDREN + 1:016x}" if place else "",
            name=f"step {place % 10}",
            start_ns=now_ns,
            end_ns=now_ns + 10**6,
            attributes={
                "session.id": session_id,
                "user.id": "ada",
                "gen_ai.request.model": "gpt-4o",
                "gen_ai.usage.input_tokens": place % 100,
                "gen_ai.usage.cost": 0.001,
                "input.value": _text(self.text_bytes * 3 // 4),
                "output.value": _text(self.text_bytes // 4),
            },
            resource={"service.name": "chat-api"},
            is_error=place % 100 == 99,
            received_ns=now_ns,
        )


SHAPES = {
    "session of 20,000 traces": Shape(20_000, 5, 300, 100),
    "trace of 10,000 spans": Shape(1, 10_000, 300, 100),
    "spans of 100 KB": Shape(200, 10, 100_000, 20),
}


def _text(size: int) -> str:
    return " ".join(random.choices(_WORDS, k=size // 8 + 1))[:size]


class Costs:
    """Seconds of an act, and the store's CPU seconds meanwhile, each time it is done."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.seconds: list[float] = []
        self.cpu: list[float] = []

    async def of(self, act: Any) -> None:
        """Wait for an act, and write down what it cost."""
        started, cpu = time.perf_counter(), measure.cpu_seconds(self._pid)
        await act
        self.seconds.append(time.perf_counter() - started)
        self.cpu.append(measure.cpu_seconds(self._pid) - cpu)

    def told(self) -> dict[str, Any]:
        """Return the figures of the first and the last times, and of all."""
        return {
            "count": len(self.seconds),
            "first": median(self.seconds[:_EDGE]),
            "last": median(self.seconds[-_EDGE:]),
            "max": max(self.seconds),
            "store_cpu_first": sum(self.cpu[:_EDGE]) / len(self.cpu[:_EDGE]),
            "store_cpu_last": sum(self.cpu[-_EDGE:]) / len(self.cpu[-_EDGE:]),
            "store_cpu": sum(self.cpu),
        }


async def bring(running: Pipeline, shape: Shape, session_id: str) -> dict[str, Any]:
    """Do with a shape what a worker does, and return what each stage cost."""
    pid = running.pid("store") or 0
    stages = {name: Costs(pid) for name in ("insert", "resolve", "refresh")}
    async with Store(running.config.store) as store:
        inserter = Inserter(store, sessions=SessionsConfig(), times=TimesConfig())
        resolver = Resolver(store)
        for spans in shape.bring(session_id):
            batch = Batch.of([record(0, "default", *spans)])
            await stages["insert"].of(inserter.insert(batch))
            await stages["resolve"].of(resolver.resolve(batch.id))
            await stages["refresh"].of(resolver.refresh(idle=False))
        settle = Costs(pid)
        await settle.of(resolver.refresh(idle=True))
    return {name: costs.told() for name, costs in (stages | {"last refresh": settle}).items()}


def check(running: Pipeline, shape: Shape, session_id: str) -> None:
    """Raise RuntimeError unless the figures of a session are exact."""
    found = running.store.query(
        "SELECT TraceCount, SpanCount, ErrorCount FROM sessions"
        " WHERE Project = 'default' AND SessionId = {id:String}",
        {"id": session_id},
    )
    errors = sum(place % 100 == 99 for place in range(shape.spans_per_trace))
    expected = (shape.traces, shape.traces * shape.spans_per_trace, shape.traces * errors)
    if found != [expected]:
        raise RuntimeError(f"{session_id}: {found}, expected {expected}")


def read(running: Pipeline, session_id: str, *, count: int) -> dict[str, Any]:
    """Return how fast a session is read."""
    traces = running.store.query(
        "SELECT TraceId FROM session_traces WHERE Project = 'default' AND SessionId = {id:String}"
        " ORDER BY TraceId LIMIT 100",
        {"id": session_id},
    )

    def trace() -> dict[str, Any]:
        return {"id": random.choice(traces)[0]}

    def page() -> dict[str, Any]:
        return {"id": session_id, "limit": random.randrange(15, 25)}

    with closing(Reader(running)) as reader:
        asked: dict[str, tuple[str, Callable[[], Mapping[str, Any]]]] = {
            "list": ("/api/v1/sessions", lambda: {"limit": random.randrange(40, 60)}),
            "session": ("/api/v1/session", lambda: {"id": session_id}),
            "replay, first page": ("/api/v1/session/replay", page),
            "trace": ("/api/v1/trace", trace),
            "page: session": ("/session", lambda: {"id": session_id}),
            "page: trace": ("/trace", trace),
        }
        figures: dict[str, Any] = {
            name: reader.measure(path, parameters, count=count)
            for name, (path, parameters) in asked.items()
        }
        figures["stream"] = stream(running, reader, session_id)
    return figures


def stream(running: Pipeline, reader: Reader, session_id: str) -> dict[str, Any]:
    """Return how fast the whole session is streamed."""
    pids = {name: running.pid(name) or 0 for name in ("store", "query")}
    before = {name: measure.cpu_seconds(pid) for name, pid in pids.items()}
    started = time.perf_counter()
    status, size = reader.ask("/api/v1/session/replay/stream", {"id": session_id})
    seconds = time.perf_counter() - started
    if status != 200:
        raise RuntimeError(f"{status} for the stream of {session_id}")
    return {
        "seconds": seconds,
        "bytes": size,
        "mb_per_second": size / seconds / 1e6,
        "cpu_seconds": {n: measure.cpu_seconds(pid) - before[n] for n, pid in pids.items()},
    }


def run(running: Pipeline, names: Sequence[str], *, count: int) -> dict[str, Any]:
    """Return the figures of each shape."""
    figures = {}
    for name in names:
        shape = SHAPES[name]
        session_id = f"{name} {secrets.token_hex(3)}"
        stages = asyncio.run(bring(running, shape, session_id))
        check(running, shape, session_id)
        figures[name] = {"stages": stages, "reads": read(running, session_id, count=count)}
        figures[name]["peak_rss_mib"] = {
            child: measure.peak_rss_mib(running.pid(child) or 0) for child in ("store", "query")
        }
        click.echo(f"{name}: done")
    return figures


def show(result: Mapping[str, Any]) -> None:
    """Print the figures."""
    console = Console(width=max(100, Console().width))
    for name, figures in result["shapes"].items():
        table = Table(title=f"{name} · {result['commit']}")
        for heading in ("ms", "first / p50", "last / p95", "max", "store's CPU, first", "last"):
            table.add_column(heading, justify="left" if heading == "ms" else "right")
        for stage, costs in figures["stages"].items():
            keys = ("first", "last", "max", "store_cpu_first", "store_cpu_last")
            table.add_row(stage, *(f"{costs[key] * 1000:.0f}" for key in keys))
        for request, times in figures["reads"].items():
            if "p50" in times:
                table.add_row(
                    request, *(f"{times[key] * 1000:.0f}" for key in ("p50", "p95", "max"))
                )
        streamed = figures["reads"]["stream"]
        table.caption = f"stream: {streamed['seconds']:.1f} s, {streamed['mb_per_second']:.1f} MB/s"
        console.print(table)


@click.command(help=__doc__)
@click.option("--shape", "names", type=click.Choice(list(SHAPES)), multiple=True, help="Only this.")
@click.option("--spans", default=1_000_000, help="How many others are stored.")
@click.option("--requests", "count", default=100, help="How many of each kind are measured.")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    help="Keep what is stored in this folder, and use it again. Without it, it is removed.",
)
@click.option(
    "--results", type=click.Path(path_type=Path), default=Path(__file__).parent / "results"
)
def main(
    *, names: Sequence[str], spans: int, count: int, data_dir: Path | None, results: Path
) -> None:
    """Fill, bring, measure, print and keep what was found."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    result: dict[str, Any] = measure.heading("large", goal="resolve, list and replay stay fast")
    with tempfile.TemporaryDirectory(prefix="sessiontrail-bench-") as temporary:
        folder = data_dir or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        with filled(folder, spans=spans) as (running, dataset):
            result["dataset"] = dataset
            result["shapes"] = run(running, names or list(SHAPES), count=count)
    show(result)
    click.echo(f"written to {measure.keep(result, folder=results)}")


if __name__ == "__main__":
    main()
