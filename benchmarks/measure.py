"""
What the machine and the processes tell about themselves: CPU, memory, metrics, the store's tables.

CPU seconds are the figures to trust: spans a second depend on who else uses the machine.
"""

from __future__ import annotations

import json
import os
import platform
import sqlite3
import subprocess
import time
import urllib.request
from collections.abc import Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
from prometheus_client.parser import text_string_to_metric_families

from tests.processes import Pipeline

MIB = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything that only grows, at one moment; a figure is the difference of two of them."""

    at: float
    spans: int  # acknowledged
    value_bytes: int
    cpu_seconds: Mapping[str, float]
    metrics: Mapping[str, float]
    events: Mapping[str, int]


def snapshot(pipeline: Pipeline, load: Any, metrics_url: str) -> Snapshot:
    """Look at everything now."""
    pids = process_ids(pipeline) | {"load": load.pid}
    return Snapshot(
        at=time.perf_counter(),
        spans=load.acknowledged_spans.value,
        value_bytes=load.acknowledged_bytes.value,
        cpu_seconds={name: cpu_seconds(pid) for name, pid in pids.items()},
        metrics=scrape(metrics_url),
        events={
            str(name): int(value)
            for name, value in pipeline.store.query("SELECT event, value FROM system.events")
        },
    )


def process_ids(pipeline: Pipeline) -> dict[str, int]:
    """Return the pipeline's processes by name."""
    pids = {name: pipeline.pid(name) for name in ("ingest", "worker", "store")}
    pids["supervisor"] = pipeline.process.pid
    return {name: pid for name, pid in pids.items() if pid is not None}


def cpu_seconds(pid: int) -> float:
    """Return what all threads of a process have used, in user and in kernel mode."""
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)


def peak_rss_mib(pid: int) -> int:
    """Return the most memory that a process has had."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) // 1024
    return 0


def scrape(url: str) -> dict[str, float]:
    """Return a process's metrics; labels stand behind the name as `name{value,value}`."""
    with urllib.request.urlopen(url, timeout=10) as response:
        text = response.read().decode()
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(sample.labels[key] for key in sorted(sample.labels))
            found[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return found


def histogram_quantile(
    before: Mapping[str, float], after: Mapping[str, float], name: str, quantile: float
) -> float | None:
    """Return a quantile of what a histogram saw in between, interpolated within its bucket."""
    start = f"{name}_bucket{{"
    buckets = sorted(
        (float(key.removeprefix(start).removesuffix("}")), value - before.get(key, 0.0))
        for key, value in after.items()
        if key.startswith(start)
    )
    wanted = buckets[-1][1] * quantile if buckets else 0.0
    lower, below = 0.0, 0.0
    for upper, count in buckets:
        if count >= wanted > 0:
            share = (wanted - below) / (count - below) if count > below else 1.0
            return lower if upper == float("inf") else lower + (upper - lower) * share
        lower, below = upper, count
    return None


def quantile(values: Iterable[float], share: float) -> float | None:
    """Return the value that `share` of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


class Backlog:
    """How much waits in the embedded log, read beside the processes that write it."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._path = pipeline.folder / "buffer" / "otlp_spans.db"

    def value_bytes(self) -> int:
        """Return the bytes of the records that are not committed."""
        uri = f"file:{self._path}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=5)) as log:
            return int(log.execute("SELECT value_bytes FROM state").fetchone()[0])


def tables(pipeline: Pipeline) -> dict[str, dict[str, int]]:
    """Return rows, active parts and bytes on disk of each table."""
    rows = pipeline.store.query(
        "SELECT table, sum(rows), count(), sum(bytes_on_disk), sum(data_uncompressed_bytes)"
        " FROM system.parts WHERE active AND database = currentDatabase() GROUP BY table"
        " ORDER BY sum(bytes_on_disk) DESC"
    )
    names = ("rows", "active_parts", "bytes_on_disk", "uncompressed_bytes")
    return {
        str(table): dict(zip(names, map(int, figures), strict=True)) for table, *figures in rows
    }


def query_seconds(
    pipeline: Pipeline, sql: str, parameters: Mapping[str, Any] | None = None, *, repeats: int = 20
) -> dict[str, float]:
    """Return how long a query takes through clickhouse-connect: the first time, median, most."""
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        pipeline.store.query(sql, parameters)
        seconds.append(time.perf_counter() - started)
    return {
        "first": seconds[0],
        "p50": sorted(seconds)[len(seconds) // 2],
        "max": max(seconds),
    }


def machine() -> dict[str, str | int | float]:
    """Return what the figures depend on."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count() or 0,
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "load_average_before": round(os.getloadavg()[0], 2),
        "yardstick_seconds": yardstick_seconds(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("chdb", "chdb-core", "grpcio", "protobuf")},
    }


def yardstick_seconds() -> float:
    """
    Return what the same simple work takes now. On a machine with neighbours it tells one hour from
    another, where the name of the CPU and the load average do not: as much slower is all else.
    """

    def once() -> float:
        started = time.perf_counter()
        sum(number * number for number in range(3_000_000))
        return time.perf_counter() - started

    return round(min(once() for _ in range(3)), 3)


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def heading(name: str, *, goal: str) -> dict[str, Any]:
    """Return what a result begins with: what was measured, when, of what commit, and where."""
    return {
        "goal": goal,
        "command": f"python -m benchmarks.{name}",
        "time": datetime.now(tz=UTC).isoformat(timespec="seconds"),
        "commit": _git("rev-parse", "--short", "HEAD"),
        "dirty": bool(_git("status", "--porcelain")),  # whether files differ from the commit
        "machine": machine(),
    }


def keep(result: Mapping[str, Any], *, folder: Path) -> Path:
    """Write a result to where results are kept, and return its file."""
    result = {**result, "yardstick_seconds_after": yardstick_seconds()}
    folder.mkdir(parents=True, exist_ok=True)
    name = str(result["command"]).rpartition(".")[2]
    moment = str(result["time"])[:16].replace(":", "")
    dirty = "-dirty" if result["dirty"] else ""
    path = folder / f"{moment}-{result['commit']}{dirty}-{name}.json"
    path.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return path


def _git(*arguments: str) -> str:
    folder = Path(__file__).parent
    answer = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    return answer.stdout.strip()
