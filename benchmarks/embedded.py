"""
OTLP in → queryable, with the embedded defaults, everything on this one machine.

Goal: spans a second, sustained until each of them can be queried, resolving included; the lag of a
span at half that rate; and what each process costs for it. Per size of span:

1. warm up, and wait until nothing waits;
2. saturate: as fast as requests are acknowledged while at most so much waits in the log, so that
   the speed is that of the slowest part and not of the log;
3. drain, and hold what was acknowledged against what is stored;
4. go on at half the speed found, for the lag;
5. ask what a user asks, and look at what lies on the disk.

The load generator, the probe and this process share the cores with what they measure.
"""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from benchmarks import load, measure, report
from benchmarks.load import Load
from benchmarks.measure import Backlog, Snapshot
from benchmarks.probe import Probe
from benchmarks.spans import SHAPES
from tests.processes import Pipeline, free_port, pipeline

_POLL_SECONDS = 0.02
_WARM_UP_SECONDS = 4.0
_DRAIN_SECONDS_MAX = 300.0
_LIST = "SELECT * FROM sessions ORDER BY EndTime DESC LIMIT 50"
_REPLAY = "SELECT * FROM session_replay(project = {project:String}, session_id = {id:String})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a run is made."""

    seconds: float
    in_flight: int
    backlog_bytes_max: int
    assignments: Sequence[str]


class Leg:
    """One size of span, against a pipeline of its own."""

    def __init__(
        self, pipeline: Pipeline, metrics_url: str, load: Load, size: str, options: Options
    ) -> None:
        self._pipeline = pipeline
        self._metrics_url = metrics_url
        self._load = load
        self._shape = SHAPES[size]
        self._options = options
        self._backlog = Backlog(pipeline)

    def run(self) -> dict[str, Any]:
        """Return every figure but the load generator's own."""
        self._apply(_WARM_UP_SECONDS)
        self._drain()
        warm = self._snapshot()
        saturating = Probe(self._pipeline)
        with saturating.probing():
            backlog_bytes = self._apply(self._options.seconds)
            loaded = self._snapshot()
        self._drain()
        drained = self._snapshot()
        figures = self._saturation(warm, loaded, drained, backlog_bytes)
        figures["lag_saturated"] = self._lag(saturating, warm, drained)

        half = figures["spans_per_second"] / 2
        pacing = Probe(self._pipeline)
        before = self._snapshot()
        with pacing.probing():
            self._apply(self._options.seconds / 2, rate=half)
        after = self._snapshot()
        self._drain()
        figures["lag_half"] = self._lag(pacing, before, after) | {
            "spans_per_second": (after.spans - before.spans) / (after.at - before.at)
        }
        probes = saturating.sent + pacing.sent
        return figures | {
            "counts": self._counts(self._load.acknowledged_spans.value + probes),
            "queries": self._queries(),
            "disk": self._disk(),
            "peak_rss_mib": {name: measure.peak_rss_mib(pid) for name, pid in self._pids().items()},
        }

    def _apply(self, seconds: float, *, rate: float = 0.0) -> int:
        """Load for so long, never letting more wait than is allowed; return what waits then."""
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            if self._backlog.value_bytes() > self._options.backlog_bytes_max:
                self._load.pause()
            else:
                self._load.go(rate=rate)
            time.sleep(_POLL_SECONDS)
        self._load.pause()
        while not self._load.is_answered():
            time.sleep(_POLL_SECONDS)
        return self._backlog.value_bytes()

    def _drain(self) -> None:
        """Wait until nothing waits: a record leaves the log once its sessions are exact."""
        deadline = time.monotonic() + _DRAIN_SECONDS_MAX
        while self._backlog.value_bytes():
            if time.monotonic() > deadline:
                raise RuntimeError(f"not drained within {_DRAIN_SECONDS_MAX:g} s")
            time.sleep(_POLL_SECONDS)

    def _pids(self) -> dict[str, int]:
        return measure.process_ids(self._pipeline) | {"load": self._load.pid}

    def _snapshot(self) -> Snapshot:
        return measure.snapshot(self._pipeline, self._load, self._metrics_url)

    def _saturation(
        self, warm: Snapshot, loaded: Snapshot, drained: Snapshot, backlog_bytes: int
    ) -> dict[str, Any]:
        spans = drained.spans - warm.spans
        value_bytes = drained.value_bytes - warm.value_bytes
        seconds = drained.at - warm.at
        events = {name: drained.events[name] - warm.events.get(name, 0) for name in drained.events}
        waiting = backlog_bytes / value_bytes * spans
        millions = spans / 1e6
        stages = {
            name.partition("{")[2].removesuffix("}"): (value - warm.metrics.get(name, 0)) / millions
            for name, value in drained.metrics.items()
            if name.startswith("sessiontrail_stage_seconds_sum{")
        }
        return {
            "bytes_per_span": value_bytes / spans,
            "spans": spans,
            "seconds": seconds,
            "spans_per_second": spans / seconds,
            "steady_spans_per_second": (spans - waiting) / (loaded.at - warm.at),
            "mb_per_second": value_bytes / seconds / 1e6,
            "cpu_seconds_per_million_spans": {
                name: (seconds_used - warm.cpu_seconds[name]) / millions
                for name, seconds_used in drained.cpu_seconds.items()
            },
            "stage_seconds_per_million_spans": stages,
            "batches": _grown(warm, drained, "sessiontrail_committed_batches_total"),
            "retries": sum(
                value
                for name, value in drained.metrics.items()
                if name.startswith("sessiontrail_retries_total")
            ),
            "inserts_per_second": events.get("InsertQuery", 0) / seconds,
            "new_parts_per_second": events.get("MergeTreeDataWriterBlocks", 0) / seconds,
            "store_events": {name: value for name, value in sorted(events.items()) if value},
        }

    def _lag(self, probe: Probe, before: Snapshot, after: Snapshot) -> dict[str, Any]:
        histogram = "sessiontrail_queryable_seconds"
        return {
            "probes": probe.sent,
            "seen": len(probe.lags),
            "p50": measure.quantile(probe.lags, 0.5),
            "p99": measure.quantile(probe.lags, 0.99),
            "max": max(probe.lags, default=None),
            "worker_p50": measure.histogram_quantile(before.metrics, after.metrics, histogram, 0.5),
            "worker_p99": measure.histogram_quantile(
                before.metrics, after.metrics, histogram, 0.99
            ),
        }

    def _counts(self, acknowledged: int) -> dict[str, int]:
        [[stored]] = self._pipeline.store.query("SELECT count() FROM spans")
        [[distinct]] = self._pipeline.store.query(
            "SELECT uniqExact(Project, TraceId, SpanId) FROM otel_traces"
        )
        [[in_sessions]] = self._pipeline.store.query("SELECT sum(SpanCount) FROM sessions")
        return {
            "acknowledged": acknowledged,
            "in_spans": int(stored),
            "in_sessions": int(in_sessions),
            "lost": acknowledged - int(distinct),
            "duplicates": int(stored) - int(distinct),
        }

    def _queries(self) -> dict[str, dict[str, float]]:
        rows = self._pipeline.store.query(f"SELECT Project, SessionId FROM ({_LIST})")
        project, session = rows[len(rows) // 2]
        return {
            "sessions list of 50": measure.query_seconds(self._pipeline, _LIST),
            "session replay": measure.query_seconds(
                self._pipeline, _REPLAY, {"project": project, "id": session}
            ),
        }

    def _disk(self) -> dict[str, Any]:
        tables = measure.tables(self._pipeline)
        spans = tables["otel_traces"]["rows"]
        return {
            "bytes_per_span": sum(t["bytes_on_disk"] for t in tables.values()) / spans,
            "otel_traces_bytes_per_span": tables["otel_traces"]["bytes_on_disk"] / spans,
            "active_parts": sum(t["active_parts"] for t in tables.values()),
            "tables": tables,
        }


def _grown(before: Snapshot, after: Snapshot, name: str) -> float:
    return after.metrics.get(name, 0.0) - before.metrics.get(name, 0.0)


def run_leg(size: str, options: Options) -> dict[str, Any]:
    """Start everything, measure one size of span, and stop everything."""
    with _started(options.assignments) as (running, metrics_url):
        with load.running(running.grpc, size, in_flight=options.in_flight) as (sender, reports):
            figures = Leg(running, metrics_url, sender, size, options).run()
        latencies = reports.get(timeout=10)
    return figures | {
        "acknowledge_seconds": {
            "p50": measure.quantile(latencies.latencies, 0.5),
            "p99": measure.quantile(latencies.latencies, 0.99),
        },
        "refused_requests": latencies.retries,
    }


@contextmanager
def _started(assignments: Sequence[str]) -> Iterator[tuple[Pipeline, str]]:
    telemetry = f"127.0.0.1:{free_port()}"
    given = (f"worker.telemetry.endpoint={telemetry}", "log.level=warning", *assignments)
    with (
        tempfile.TemporaryDirectory(prefix="sessiontrail-bench-") as folder,
        pipeline(Path(folder), *given) as running,
    ):
        yield running, f"http://{telemetry}/metrics"


@click.command(help=__doc__)
@click.option("--seconds", default=30.0, help="How long each size is sent.")
@click.option("--size", "sizes", type=click.Choice(list(SHAPES)), multiple=True, help="Only this.")
@click.option("--in-flight", default=8, help="How many requests wait for their answer at a time.")
@click.option("--backlog-mib", default=224, help="How much may wait in the log.")
@click.option("--set", "assignments", multiple=True, help="A setting, key=value; the file says so.")
@click.option(
    "--results", type=click.Path(path_type=Path), default=Path(__file__).parent / "results"
)
def main(*, sizes: Sequence[str], backlog_mib: int, results: Path, **given: Any) -> None:
    """Run the legs one after the other, print and keep what they found."""
    # Whoever ends this run early should find nothing of it running on.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    options = Options(backlog_bytes_max=backlog_mib * measure.MIB, **given)
    result: dict[str, Any] = measure.heading(
        "embedded", goal="spans/s until queryable, sessions resolved; lag at half of that"
    ) | {
        "options": asdict(options),
        "legs": {},
    }
    for size in sizes or SHAPES:
        leg = result["legs"][size] = run_leg(size, options)
        leg["dataset"] = asdict(SHAPES[size])
    report.show(result)
    path = measure.keep(result, folder=results)
    click.echo(f"written to {path}")


if __name__ == "__main__":
    main()
