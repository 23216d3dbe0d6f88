"""
Each stage of the pipeline alone: microseconds of CPU for each span, so that a profile of the whole
can be told from what its parts should cost.

The stages of the store are those of a worker, against an embedded store of its own; what the store
does meanwhile in the background (merges) counts for the stage that it happens in. They are told for
the first and the last batches apart: what grows with the store must show.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import click
import psutil
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from rich.console import Console
from rich.table import Table

from benchmarks import measure
from benchmarks.spans import SHAPES, Requests, Shape
from buffer.embedded import EmbeddedConsumer, EmbeddedProducer
from buffer.port import ConsumedRecord, Record, next_offsets
from runtime.config import SessionsConfig, StoreConfig, TimesConfig
from schemas.envelope import Envelope
from schemas.landing import frame
from schemas.otlp.json_validation import validate_json
from schemas.otlp.validation import validate
from store.client import Store
from tests.processes import store as embedded_store
from workers.batch import Batch
from workers.inserter import Inserter
from workers.resolver import Resolver

# Microseconds of CPU for each span, of this process and of the store's.
Cost = dict[str, float]

_EDGE = 3  # how many batches are "the first" and "the last"


class Stages:
    """Measures the stages with requests of one shape."""

    def __init__(self, shape: Shape, *, batch_bytes: int) -> None:
        self._requests = Requests(shape, seed=1)
        self._per_request = shape.spans_per_request
        sample = self._requests.next()
        self._requests_per_batch = max(1, batch_bytes // len(sample))
        self._spans = self._requests_per_batch * self._per_request

    def run(self, folder: Path, *, batches: int) -> dict[str, Cost]:
        """Return the cost of each stage."""
        costs = self._without_store()
        costs |= asyncio.run(self._log(folder / "log.db"))
        with embedded_store(folder / "store") as running:
            costs |= asyncio.run(self._store(running.config, batches=batches))
        return costs

    def _without_store(self) -> dict[str, Cost]:
        bodies = [self._requests.next() for _ in range(self._requests_per_batch)]
        some = bodies[: max(1, len(bodies) // 8)]
        as_json = [_to_json(body) for body in some]
        records = [(self._envelope(), body) for body in bodies]
        return {
            "load: next body": self._here(lambda: [self._requests.next() for _ in bodies]),
            "ingest: validate protobuf": self._here(lambda: [validate(body) for body in bodies]),
            "ingest: decode and validate JSON": self._here(
                lambda: [validate_json(body) for body in as_json], share=len(some) / len(bodies)
            ),
            "worker: frame": self._here(lambda: frame(records, batch="0" * 25)),
        }

    def _here(self, work: Callable[[], object], *, share: float = 1.0) -> Cost:
        seconds = []
        for _ in range(5):
            started = time.process_time()
            work()
            seconds.append(time.process_time() - started)
        return {"here": median(seconds) * 1e6 / (self._spans * share)}

    async def _log(self, path: Path) -> dict[str, Cost]:
        producer = await EmbeddedProducer.open(path, log_bytes_max=2**32)
        consumer = await EmbeddedConsumer.open(path)
        append, consume = [], []
        for _ in range(5):
            records = [record.record for record in self._records()]
            started = time.process_time()
            for at in range(0, len(records), 8):
                await asyncio.gather(*map(producer.append, records[at : at + 8]))
            appended = time.process_time()
            taken = await consumer.consume(value_bytes_max=2**32, wait_seconds_max=0.0)
            await consumer.commit(next_offsets(taken))
            append.append(appended - started)
            consume.append(time.process_time() - appended)
        await consumer.close()
        await producer.close()
        return {
            "buffer: append, 8 at a time": {"here": median(append) * 1e6 / self._spans},
            "buffer: consume and commit": {"here": median(consume) * 1e6 / self._spans},
        }

    async def _store(self, config: StoreConfig, *, batches: int) -> dict[str, Cost]:
        costs: dict[str, list[Cost]] = {"worker: insert": [], "worker: resolve": []}
        async with Store(config) as store:
            inserter = Inserter(store, sessions=SessionsConfig(), times=TimesConfig())
            resolver = Resolver(store)
            for _ in range(batches):
                batch = Batch.of(self._records())
                before = _cpu_seconds()
                await inserter.insert(batch)
                inserted = _cpu_seconds()
                await resolver.resolve(batch.id)
                costs["worker: insert"].append(self._difference(before, inserted))
                costs["worker: resolve"].append(self._difference(inserted, _cpu_seconds()))
        told: dict[str, Cost] = {}
        for stage, each in costs.items():
            told[f"{stage}, first {_EDGE} batches"] = _median(each[:_EDGE])
            told[f"{stage}, last {_EDGE} of {batches} batches"] = _median(each[-_EDGE:])
            told[f"{stage}, mean"] = _mean(each)
        return told

    def _difference(self, before: Cost, after: Cost) -> Cost:
        return {name: (after[name] - before[name]) * 1e6 / self._spans for name in before}

    def _records(self) -> list[ConsumedRecord]:
        return [
            ConsumedRecord(
                partition=0,
                offset=offset,
                appended_at_ns=time.time_ns(),
                record=Record(value=self._requests.next(), headers=self._envelope().to_headers()),
            )
            for offset in range(self._requests_per_batch)
        ]

    def _envelope(self) -> Envelope:
        return Envelope(project="default", received_ns=time.time_ns(), spans=self._per_request)


def _cpu_seconds() -> Cost:
    # The store is the only child that this process has by now.
    [store] = psutil.Process().children()
    return {"here": time.process_time(), "store": measure.cpu_seconds(store.pid)}


def _median(costs: Sequence[Cost]) -> Cost:
    return {name: median(cost[name] for cost in costs) for name in costs[0]}


def _mean(costs: Sequence[Cost]) -> Cost:
    return {name: sum(cost[name] for cost in costs) / len(costs) for name in costs[0]}


def _to_json(body: bytes) -> bytes:
    """Return a request as OTLP/JSON: protobuf's own JSON, but ids in hex and enums as numbers."""
    tree = json_format.MessageToDict(
        ExportTraceServiceRequest.FromString(body), use_integers_for_enums=True
    )
    request = ExportTraceServiceRequest.FromString(body)
    spans = [span for rs in request.resource_spans for ss in rs.scope_spans for span in ss.spans]
    written = [
        span for rs in tree["resourceSpans"] for ss in rs["scopeSpans"] for span in ss["spans"]
    ]
    for span, as_json in zip(spans, written, strict=True):
        as_json["traceId"], as_json["spanId"] = span.trace_id.hex(), span.span_id.hex()
        as_json["parentSpanId"] = span.parent_span_id.hex()
    return json.dumps(tree).encode()


@click.command(help=__doc__)
@click.option("--size", "sizes", type=click.Choice(list(SHAPES)), multiple=True, help="Only this.")
@click.option("--batches", default=20, help="How many batches go into the store.")
@click.option("--batch-mib", default=16, help="How large a batch is.")
@click.option(
    "--results", type=click.Path(path_type=Path), default=Path(__file__).parent / "results"
)
def main(*, sizes: Sequence[str], batches: int, batch_mib: int, results: Path) -> None:
    """Measure the stages, print and keep what they cost."""
    legs: dict[str, dict[str, Cost]] = {}
    for size in sizes or SHAPES:
        with tempfile.TemporaryDirectory(prefix="sessiontrail-bench-") as folder:
            stages = Stages(SHAPES[size], batch_bytes=batch_mib * measure.MIB)
            legs[size] = stages.run(Path(folder), batches=batches)
        _show(SHAPES[size].name, legs[size])
    result: dict[str, Any] = measure.heading(
        "stages", goal="microseconds of CPU for each span, by stage"
    ) | {
        "options": {"batches": batches, "batch_mib": batch_mib},
        "legs": legs,
    }
    path = measure.keep(result, folder=results)
    click.echo(f"written to {path}")


def _show(name: str, costs: dict[str, Cost]) -> None:
    table = Table("stage", title=f"µs of CPU for each span of {name}")
    table.add_column("this process", justify="right")
    table.add_column("store", justify="right")
    for stage, cost in costs.items():
        table.add_row(stage, *(f"{cost[at]:.2f}" if at in cost else "" for at in ("here", "store")))
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
