"""
The two halves of a deployment, each by itself: OTLP in → Kafka, and Kafka → queryable.

Goal: spans a second and CPU for each million of them, of every process, beside other pipelines that
were measured the same way: one broker of one replica on the same machine, gRPC requests of several
hundred spans, as many spans in the topic before anything is consumed.

1. receive: requests are sent as fast as the receiver acknowledges them, which it does once the
   broker has them; what is in the topic is then held against what was acknowledged;
2. consume: a worker is started with all of that before it. The clock runs from the start of its
   process until everything is committed, and so queryable with exact sessions.

The load generator and this process share the cores with what they measure.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from aiokafka import AIOKafkaConsumer, TopicPartition
from rich.console import Console
from rich.table import Table

from benchmarks import load, measure
from benchmarks.load import Load
from benchmarks.spans import SHAPES
from schemas.envelope import Envelope
from tests.deployment import Deployment, deployment
from tests.kafka.cluster import Cluster
from tests.kafka.wire import run

_POLL_SECONDS = 0.05
_ASK_SECONDS = 0.5  # asking the broker costs it as well
_TOPIC = "otlp_spans"
_PARTITIONS = 4
_DRAIN_SECONDS_MAX = 600.0

Figures = dict[str, Any]


class Leg:
    """One size of span, against a deployment of its own."""

    def __init__(self, deployed: Deployment, *, spans: int, workers: int) -> None:
        self._deployed = deployed
        self._spans = spans
        self._workers = [f"worker-{number}" for number in range(1, workers + 1)]

    def receive(self, sender: Load) -> Figures:
        """Fill the topic."""
        self._send_until(sender, self._spans // 10)  # warm up
        before, spans, value_bytes = self._cpu(sender), *_sent(sender)
        started = time.perf_counter()
        self._send_until(sender, spans + self._spans)
        seconds = time.perf_counter() - started
        used = _difference(before, self._cpu(sender))
        sent, sent_bytes = _sent(sender)
        in_topic = run(_topic_counts(self._deployed.cluster))
        return {
            "bytes_per_span": (sent_bytes - value_bytes) / (sent - spans),
            "mb_per_second": (sent_bytes - value_bytes) / seconds / 1e6,
            **_rates(sent - spans, seconds, used),
            "records": in_topic["records"],
            "acknowledged": sent,
            "lost": sent - in_topic["spans"],
        }

    def consume(self) -> Figures:
        """Drain the topic."""
        in_topic = run(_topic_counts(self._deployed.cluster))["spans"]
        before = self._cpu()
        started = time.perf_counter()
        for name in self._workers:
            self._deployed.start_worker(name, "log.level=warning")
        while not self._deployed.is_drained():
            if time.perf_counter() - started > _DRAIN_SECONDS_MAX:
                raise RuntimeError(f"not drained within {_DRAIN_SECONDS_MAX:g} s")
            time.sleep(_ASK_SECONDS)
        seconds = time.perf_counter() - started
        used = _difference(before, self._cpu())
        query = self._deployed.store.query
        [[stored, distinct]] = query(
            "SELECT count(), uniqExact(Project, TraceId, SpanId) FROM spans"
        )
        [[in_sessions]] = query("SELECT sum(SpanCount) FROM sessions")
        return {
            **_rates(in_topic, seconds, used),
            "in_topic": in_topic,
            "in_spans": int(stored),
            "in_sessions": int(in_sessions),
            "lost": in_topic - int(distinct),
            "duplicates": int(stored) - int(distinct),
        }

    def peak_rss_mib(self) -> dict[str, int]:
        """Return the most memory that each process has had."""
        return {name: measure.peak_rss_mib(pid) for name, pid in self._pids().items()}

    def _send_until(self, sender: Load, spans: int) -> None:
        sender.go()
        while sender.acknowledged_spans.value < spans:
            time.sleep(_POLL_SECONDS)
        sender.pause()
        while not sender.is_answered():
            time.sleep(_POLL_SECONDS)

    def _cpu(self, sender: Load | None = None) -> dict[str, float]:
        pids = self._pids() | ({"load": sender.pid} if sender else {})
        return {name: measure.cpu_seconds(pid) for name, pid in pids.items()}

    def _pids(self) -> dict[str, int]:
        deployed = self._deployed
        [broker] = deployed.cluster.pids
        return {name: process.pid for name, process in deployed.running.items()} | {
            "broker": broker
        }


def _sent(sender: Load) -> tuple[int, int]:
    return sender.acknowledged_spans.value, sender.acknowledged_bytes.value


def _difference(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Return what was used in between; a process that was started meanwhile used all of its own."""
    return {name: used - before.get(name, 0.0) for name, used in after.items()}


def _rates(spans: int, seconds: float, used: Mapping[str, float]) -> Figures:
    return {
        "spans": spans,
        "seconds": seconds,
        "spans_per_second": spans / seconds,
        "cpu_seconds_per_million_spans": {
            name: cpu_seconds / spans * 1e6 for name, cpu_seconds in used.items()
        },
    }


async def _topic_counts(cluster: Cluster) -> dict[str, int]:
    """Return how many records the topic holds, and how many spans their headers say they hold."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=cluster.bootstrap_servers, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        places = [TopicPartition(_TOPIC, partition) for partition in range(_PARTITIONS)]
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        records = spans = 0
        for place in places:
            while await consumer.position(place) < ends[place]:
                fetched = await consumer.getmany(place, timeout_ms=1000)
                for record in fetched.get(place, []):
                    records += 1
                    spans += Envelope.from_headers(dict(record.headers)).spans
    finally:
        await consumer.stop()
    return {"records": records, "spans": spans}


def run_leg(
    size: str, *, spans: int, in_flight: int, workers: int, given: Sequence[str]
) -> Figures:
    """Start everything, measure one size of span, and stop everything."""
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="sessiontrail-bench-"))
        )
        cluster = stack.enter_context(Cluster(folder=folder / "kafka", java_options=()))
        settings = (f"buffer.kafka.topics.partitions={_PARTITIONS}", "ingest.processes=1", *given)
        deployed = stack.enter_context(
            deployment(cluster, folder / "data", _TOPIC, "log.level=warning", *settings)
        )
        leg = Leg(deployed, spans=spans, workers=workers)
        with load.running(deployed.grpc, size, in_flight=in_flight) as (sender, reports):
            received = leg.receive(sender)
        latencies = reports.get(timeout=10)
        received["acknowledge_seconds"] = {
            "p50": measure.quantile(latencies.latencies, 0.5),
            "p99": measure.quantile(latencies.latencies, 0.99),
        }
        received["refused_requests"] = latencies.retries
        consumed = leg.consume()
        return {"receive": received, "consume": consumed, "peak_rss_mib": leg.peak_rss_mib()}


@click.command(help=__doc__)
@click.option("--size", "sizes", type=click.Choice(list(SHAPES)), multiple=True, help="Only this.")
@click.option("--mib", default=320, help="How much is sent of each size.")
@click.option("--in-flight", default=8, help="How many requests wait for their answer at a time.")
@click.option("--workers", default=1, help="How many workers drain the topic.")
@click.option("--set", "given", multiple=True, help="A setting, key=value; the file says so.")
@click.option(
    "--results", type=click.Path(path_type=Path), default=Path(__file__).parent / "results"
)
def main(
    *,
    sizes: Sequence[str],
    mib: int,
    in_flight: int,
    workers: int,
    given: Sequence[str],
    results: Path,
) -> None:
    """Run the legs one after the other, print and keep what they found."""
    result: Figures = measure.heading(
        "kafka", goal="spans/s and CPU of receive → Kafka and of Kafka → queryable, each by itself"
    ) | {
        "options": {"mib": mib, "in_flight": in_flight, "workers": workers, "set": list(given)},
        "legs": {},
    }
    for size in sizes or SHAPES:
        shape = SHAPES[size]
        spans = mib * measure.MIB // (500 if size == "small" else 20_000)
        leg = run_leg(size, spans=spans, in_flight=in_flight, workers=workers, given=given)
        result["legs"][size] = leg | {"dataset": asdict(shape)}
        _show(shape.name, leg)
    path = measure.keep(result, folder=results)
    click.echo(f"written to {path}")


def _show(name: str, leg: Figures) -> None:
    table = Table("", "receive → Kafka", "Kafka → queryable", title=f"spans of {name}")
    halves = [leg["receive"], leg["consume"]]
    table.add_row("spans/s", *(f"{half['spans_per_second']:,.0f}" for half in halves))
    processes = sorted({name for half in halves for name in half["cpu_seconds_per_million_spans"]})
    for process in processes:
        used = [half["cpu_seconds_per_million_spans"].get(process) for half in halves]
        told = ["" if cpu is None else f"{cpu:,.1f}" for cpu in used]
        table.add_row(f"CPU-s per M spans: {process}", *told)
    table.add_row("lost", *(f"{half['lost']}" for half in halves))
    table.add_row("duplicates", "", f"{leg['consume']['duplicates']}")
    for process, mib in leg["peak_rss_mib"].items():
        table.add_row(f"peak MiB: {process}", f"{mib:,}")
    Console(width=100).print(table)


if __name__ == "__main__":
    sys.exit(main())
