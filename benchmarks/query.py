"""
How fast sessions are read, with ten million spans stored: at the real `sessiontrail query`, over
HTTP, one request after the other.

Goal: the list of sessions within 50 ms and the first page of a replay within 80 ms, each for 95 of
100 requests. Parameters differ from request to request, so that no answer can be had twice.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import click
from rich.console import Console
from rich.table import Table

from benchmarks import filling, measure
from query import cursor
from query.access.guard import Access
from query.access.roles import Role
from query.marks.bookmarks import Bookmarks
from store.client import Store
from tests.processes import Pipeline, pipeline

_WARM_UP = 20
_SAMPLES = 2000
_BOOKMARKS = 500
_ORDINARY = "TraceCount BETWEEN 5 AND 20"


class Sample:
    """Sessions, traces and times to ask for, the same in each run of one filling."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.random = random.Random(7)
        self._query = pipeline.store.query
        self._sessions = self._some(f"SELECT SessionId FROM sessions WHERE {_ORDINARY}")
        self._traces = self._some("SELECT TraceId FROM session_traces")
        self._places = self._some(
            "SELECT toUnixTimestamp64Nano(StartTime), TraceId FROM session_traces"
            f" WHERE Project = 'default' AND SessionId = '{filling.LONG_SESSION}'"
        )

    def _some(self, sql: str) -> list[tuple[Any, ...]]:
        rows = self._query(f"SELECT * FROM ({sql}) ORDER BY sipHash64(*) LIMIT {_SAMPLES}")
        return list(rows)

    @property
    def sessions(self) -> list[str]:
        """Sessions of usual sizes."""
        return [session for (session,) in self._sessions]

    def session(self) -> str:
        """Return a session of a usual size."""
        return str(self.random.choice(self._sessions)[0])

    def trace(self) -> str:
        """Return a trace."""
        return str(self.random.choice(self._traces)[0])

    def cursor(self) -> str:
        """Return a place in the midst of the long session, as a reader would have it."""
        return cursor.encode(*self.random.choice(self._places))

    def user(self) -> str:
        """Return a user."""
        return f"user-{self.random.randrange(filling.USERS)}"

    def hours(self) -> dict[str, str]:
        """Return a time range of some hours, as the list takes it."""
        ago = timedelta(seconds=self.random.randrange(filling.DAYS * 86_400))
        since = datetime.now(UTC) - ago
        until = since + timedelta(hours=self.random.randrange(1, 24))
        return {"from": since.isoformat(), "to": until.isoformat()}

    def limit(self) -> int:
        """Return a number of rows, so that two requests that say no more still differ."""
        return self.random.randrange(40, 60)


@dataclass(frozen=True, slots=True)
class Request:
    """A path, the parameters of one request, and what 95 of 100 may take (seconds)."""

    path: str
    parameters: Callable[[Sample], Mapping[str, Any]]
    p95_max: float | None = None


_LIST, _REPLAY = "/api/v1/sessions", "/api/v1/session/replay"
_ENVIRONMENTS = filling.ENVIRONMENTS
NEWER_PARTS = "list, newer parts"
# What a store does by itself when its parts are ten minutes old.
_MERGE = "OPTIMIZE TABLE sessions_data FINAL"
REQUESTS: dict[str, Request] = {
    NEWER_PARTS: Request(_LIST, lambda of: {"limit": of.limit()}),
    "list": Request(_LIST, lambda of: {"limit": of.limit()}, 0.05),
    "list by cost": Request(_LIST, lambda of: {"limit": of.limit(), "sort": "-cost"}, 0.05),
    "list of a user": Request(_LIST, lambda of: {"user": of.user()}, 0.05),
    "list of some hours": Request(_LIST, Sample.hours, 0.05),
    "list of an environment": Request(
        _LIST, lambda of: {"environment": of.random.choice(_ENVIRONMENTS), **of.hours()}, 0.05
    ),
    "list of bookmarked": Request(
        _LIST, lambda of: {"bookmarked": "true", "limit": of.limit()}, 0.05
    ),
    "replay, first page": Request(_REPLAY, lambda of: {"id": of.session()}, 0.08),
    "long replay, first page": Request(
        _REPLAY, lambda of: {"id": filling.LONG_SESSION, "limit": of.random.randrange(15, 25)}, 0.08
    ),
    "long replay, a later page": Request(
        _REPLAY, lambda of: {"id": filling.LONG_SESSION, "cursor": of.cursor()}
    ),
    "trace": Request("/api/v1/trace", lambda of: {"id": of.trace()}),
    "page: sessions": Request("/sessions", lambda of: {"limit": of.limit()}),
    "page: session": Request("/session", lambda of: {"id": of.session()}),
    "page: long session": Request("/session", lambda _: {"id": filling.LONG_SESSION}),
}


class Reader:
    """One client with one connection, as a browser or a program has it."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._connection = http.client.HTTPConnection(str(pipeline.config.query.endpoint))

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    def ask(self, path: str, parameters: Mapping[str, Any]) -> tuple[int, int]:
        """Return the status of an answer, and how many bytes it had."""
        self._connection.request("GET", f"{path}?{urlencode(parameters)}")
        with self._connection.getresponse() as answer:
            return answer.status, len(answer.read())

    def measure(
        self, path: str, parameters_of: Callable[[], Mapping[str, Any]], *, count: int
    ) -> dict[str, Any]:
        """Return how long so many requests took, in seconds, after some to warm up."""
        seconds, sizes = [], []
        for _ in range(_WARM_UP + count):
            parameters = parameters_of()
            started = time.perf_counter()
            status, size = self.ask(path, parameters)
            seconds.append(time.perf_counter() - started)
            sizes.append(size)
            if status != 200:
                raise RuntimeError(f"{status} for {path} {parameters}")
        measured = seconds[_WARM_UP:]
        return {
            "requests": count,
            **{f"p{p}": measure.quantile(measured, p / 100) for p in (50, 95, 99)},
            "max": max(measured),
            "bytes": sum(sizes) // len(sizes),
        }


async def bookmark(running: Pipeline, sessions: Sequence[str]) -> None:
    """Bookmark some sessions; those that are already stay so."""
    access = Access(project="default", who="benchmark", role=Role.EDITOR)
    async with Store(running.config.store) as store:
        for session in sessions:
            await Bookmarks(store).set(access, session)


@contextmanager
def filled(folder: Path, *, spans: int) -> Iterator[tuple[Pipeline, dict[str, Any]]]:
    """Run everything over a folder, which is filled unless it was before, and say with what."""
    told = folder / "filled.json"
    with pipeline(folder, "log.level=warning") as running:
        if not told.exists():
            started = time.perf_counter()
            counts = asyncio.run(_fill(running, spans))
            seconds = round(time.perf_counter() - started, 1)
            told.write_text(json.dumps({"counts": counts, "seconds_to_fill": seconds}))
        yield running, json.loads(told.read_text())


async def _fill(running: Pipeline, spans: int) -> dict[str, int]:
    async with Store(running.config.store) as store:
        await filling.fill(store, spans=spans)
        return await filling.counts(store)


def run(running: Pipeline, *, count: int) -> dict[str, Any]:
    """Return the figures of each request."""
    sample = Sample(running)
    asyncio.run(bookmark(running, sample.sessions[:_BOOKMARKS]))
    figures = {}
    with closing(Reader(running)) as reader:
        for name, request in REQUESTS.items():
            figures[name] = reader.measure(
                request.path, partial(request.parameters, sample), count=count
            ) | {"p95_max": request.p95_max}
            click.echo(f"{name}: p95 {figures[name]['p95'] * 1000:.1f} ms")
            if name == NEWER_PARTS:
                asyncio.run(_merge(running))
    return figures


async def _merge(running: Pipeline) -> None:
    async with Store(running.config.store) as store:
        await store.execute(_MERGE)


def show(result: Mapping[str, Any]) -> None:
    """Print the figures, and which miss their goal."""
    table = Table(title=f"{result['dataset']['counts']['spans']:,} spans · {result['commit']}")
    for heading in ("ms", "p50", "p95", "p99", "max", "goal (p95)", "KB"):
        table.add_column(heading, justify="left" if heading == "ms" else "right")
    for name, figures in result["requests"].items():
        goal = figures["p95_max"]
        missed = goal is not None and figures["p95"] > goal
        table.add_row(
            name,
            *(f"{figures[key] * 1000:.1f}" for key in ("p50", "p95", "p99", "max")),
            "" if goal is None else f"{goal * 1000:.0f}{' missed' if missed else ''}",
            f"{figures['bytes'] / 1000:.0f}",
        )
    Console(width=max(100, Console().width)).print(table)


@click.command(help=__doc__)
@click.option("--spans", default=10_000_000, help="How many are stored.")
@click.option("--requests", "count", default=300, help="How many of each kind are measured.")
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path),
    help="Keep what is stored in this folder, and use it again. Without it, it is removed.",
)
@click.option(
    "--results", type=click.Path(path_type=Path), default=Path(__file__).parent / "results"
)
def main(*, spans: int, count: int, data_dir: Path | None, results: Path) -> None:
    """Fill, measure, print and keep what was found."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    result: dict[str, Any] = measure.heading(
        "query", goal="list p95 < 50 ms, first replay page p95 < 80 ms"
    )
    with tempfile.TemporaryDirectory(prefix="sessiontrail-bench-") as temporary:
        folder = data_dir or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        with filled(folder, spans=spans) as (running, dataset):
            result["dataset"] = dataset | {"tables": measure.tables(running)}
            result["requests"] = run(running, count=count)
            result["peak_rss_mib"] = {
                name: measure.peak_rss_mib(pid)
                for name in ("store", "query")
                if (pid := running.pid(name))
            }
    show(result)
    click.echo(f"written to {measure.keep(result, folder=results)}")


if __name__ == "__main__":
    main()
