"""What `up` shows while it runs: what listens where, what came in, and how far behind it is."""

from __future__ import annotations

import asyncio
import operator
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import chain

import aiohttp
import structlog
from prometheus_client.parser import text_string_to_metric_families
from rich.live import Live
from rich.table import Table

from runtime.config import Config
from runtime.section import HostPort

log = structlog.get_logger()

_TERMINAL_SECONDS = 1.0
_LOG_SECONDS = 10.0
# A start with nothing amiss is over by then, and needs no word about what it waits for.
_START_SECONDS = 4.0
# A worker takes up to 5 s for each of the two that it may have to wait for.
_ASK_SECONDS_MAX = 12.0

Metrics = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """One look at the running pipeline."""

    waiting_for: list[str]
    accepted_spans: int
    stored_spans: int
    backlog_bytes: int
    lag_seconds: float
    restarts: int


class StatusBoard:
    """Asks the processes for their metrics and shows them: a table, or a log line."""

    def __init__(
        self,
        config: Config,
        *,
        worker_telemetry: Callable[[], HostPort],
        restarts: Callable[[], int],
    ) -> None:
        self._config = config
        self._worker_telemetry = worker_telemetry
        self._restarts = restarts
        # Why the store is not migrated yet, which the worker is started after.
        self.store_trouble = ""

    async def show(self) -> None:
        """Show the status until cancelled."""
        timeout = aiohttp.ClientTimeout(total=_ASK_SECONDS_MAX)
        # They are our own children: whom their certificates name does not matter.
        connector = aiohttp.TCPConnector(ssl=False)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
            if sys.stdout.isatty():
                await self._show_table(session)
            else:
                await self._show_lines(session)

    async def _show_table(self, session: aiohttp.ClientSession) -> None:
        with Live(auto_refresh=False, transient=True) as live:
            while True:
                live.update(self._table(await self._look(session)), refresh=True)
                await asyncio.sleep(_TERMINAL_SECONDS)

    async def _show_lines(self, session: aiohttp.ClientSession) -> None:
        loop = asyncio.get_running_loop()
        tell_at = loop.time() + _START_SECONDS
        while waiting_for := (await self._look(session)).waiting_for:
            if loop.time() >= tell_at:
                log.warning("waiting", waiting_for=waiting_for)
                tell_at = loop.time() + _LOG_SECONDS
            await asyncio.sleep(0.1)
        log.info("ready", **{name: str(address) for name, address in self._addresses()})
        while True:
            await asyncio.sleep(_LOG_SECONDS)
            status = await self._look(session)
            log.info(
                "status",
                waiting_for=status.waiting_for,
                accepted_spans=status.accepted_spans,
                stored_spans=status.stored_spans,
                backlog_bytes=status.backlog_bytes,
                lag_seconds=round(status.lag_seconds, 1),
                restarts=status.restarts,
            )

    def _addresses(self) -> list[tuple[str, object]]:
        config = self._config
        return [
            ("otlp_grpc", config.ingest.grpc.endpoint),
            ("otlp_http", config.ingest.http_url),
            ("clickhouse", config.store.url or f"http://{config.store.endpoint}"),
            ("pages", f"http://{config.query.endpoint}"),
        ]

    def _table(self, status: Status) -> Table:
        table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
        for name, address in self._addresses():
            table.add_row(name.replace("_", " "), str(address))
        table.add_row("state", "\n".join(status.waiting_for) or "ready")
        table.add_row("spans accepted", f"{status.accepted_spans:,}")
        table.add_row("spans stored", f"{status.stored_spans:,}")
        table.add_row("waiting", f"{status.backlog_bytes / 2**20:,.1f} MiB")
        table.add_row("lag", f"{status.lag_seconds:.1f} s")
        table.add_row("restarts", str(status.restarts))
        table.add_row("logs", str(self._config.data_dir / "run"))
        return table

    async def _look(self, session: aiohttp.ClientSession) -> Status:
        at_ingest, at_worker = self._config.ingest.http_url, f"http://{self._worker_telemetry()}"
        ingest, worker, *troubles = await asyncio.gather(
            _scrape(session, at_ingest),
            _scrape(session, at_worker),
            _troubles(session, "ingest", at_ingest),
            _troubles(session, "worker", at_worker),
            _troubles(session, "query", f"http://{self._config.query.endpoint}"),
        )
        return Status(
            waiting_for=[*filter(None, [self.store_trouble]), *chain.from_iterable(troubles)],
            accepted_spans=int(ingest.get("otelcol_receiver_accepted_spans_total", 0)),
            stored_spans=int(worker.get("sessiontrail_inserted_spans_total", 0)),
            backlog_bytes=int(worker.get("sessiontrail_backlog_bytes", 0)),
            lag_seconds=worker.get("sessiontrail_backlog_oldest_seconds", 0.0),
            restarts=self._restarts(),
        )


async def _scrape(session: aiohttp.ClientSession, url: str) -> Metrics:
    """Return a process's metrics, summed over their labels; nothing while it does not answer."""
    try:
        async with session.get(f"{url}/metrics") as response:
            text = await response.text()
    except (aiohttp.ClientError, TimeoutError):
        return {}
    metrics: Metrics = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            before = metrics.get(sample.name, 0.0)
            # Ages do not add up: the log that is furthest behind counts.
            add = max if sample.name.endswith("_oldest_seconds") else operator.add
            metrics[sample.name] = add(before, sample.value)
    return metrics


async def _troubles(session: aiohttp.ClientSession, name: str, url: str) -> list[str]:
    """Return what a process waits for, itself included while it does not answer."""
    try:
        async with session.get(f"{url}/readyz") as response:
            answer = await response.json()
    except (aiohttp.ClientError, TimeoutError):
        return [f"{name}: no answer yet"]
    return [f"{name} waits for {reason}" for reason in answer["waiting_for"]]
