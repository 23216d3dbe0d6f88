"""The real processes, started for a test: the whole pipeline, or the embedded store alone."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import clickhouse_connect
from clickhouse_connect.driver.client import Client

from runtime import settings
from runtime.config import Config, HostPort, StoreConfig

COMMAND = Path(sys.executable).parent / "sessiontrail"
START_SECONDS_MAX = 60.0


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def wait_until(
    condition: Callable[[], bool], *, what: str, seconds_max: float = START_SECONDS_MAX
) -> None:
    """Return as soon as `condition` holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds_max
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds_max} s: {what}"
        time.sleep(0.05)


@dataclass(kw_only=True)
class Store:
    """A running store, asked through clickhouse-connect as any user would."""

    address: HostPort
    client: Client | None = None

    @property
    def config(self) -> StoreConfig:
        """The settings that reach it."""
        return StoreConfig(endpoint=self.address)

    def query(
        self, sql: str, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[tuple[Any, ...]]:
        """Return the rows of a SELECT."""
        if self.client is None:
            self.client = clickhouse_connect.get_client(
                host=self.address.host,
                port=self.address.port,
                autogenerate_session_id=False,
            )
        result = self.client.query(sql, parameters=dict(parameters or {}))
        return [tuple(row) for row in result.result_rows]

    def answers(self, sql: str) -> bool:
        """Return whether a statement succeeds right now."""
        request = urllib.request.Request(f"http://{self.address}/", data=sql.encode())
        try:
            with urllib.request.urlopen(request, timeout=5) as response:
                return bool(response.status == 200)
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False

    def close(self) -> None:
        """Let go of the connection."""
        if self.client is not None:
            self.client.close()


def migrate(store: Store) -> None:
    """Bring a store to this release, as an operator would."""
    subprocess.run([COMMAND, "migrate", f"--set=store.endpoint={store.address}"], check=True)


@contextmanager
def store(folder: Path, *, address: HostPort | None = None) -> Iterator[Store]:
    """Run the embedded store alone, migrated."""
    running = Store(address=address or HostPort("127.0.0.1", free_port()))
    process = subprocess.Popen(
        [COMMAND, "store", f"--data-dir={folder}", f"--set=store.endpoint={running.address}"]
    )
    try:
        wait_until(lambda: running.answers("SELECT 1"), what="the store answers")
        migrate(running)
        yield running
    finally:
        running.close()
        process.terminate()
        process.wait(timeout=30)


@dataclass(kw_only=True)
class Pipeline:
    """A running `sessiontrail up`."""

    folder: Path
    config: Config
    process: subprocess.Popen[bytes] = field(repr=False)
    store: Store

    @property
    def grpc(self) -> str:
        """Where OTLP/gRPC is received."""
        return str(self.config.ingest.grpc.endpoint)

    @property
    def http(self) -> str:
        """Where OTLP/HTTP is received."""
        return f"http://{self.config.ingest.http.endpoint}"

    def pid(self, child: str) -> int | None:
        """Return the process id of a child, None while there is none."""
        try:
            return int((self.folder / "run" / f"{child}.pid").read_text())
        except (FileNotFoundError, ValueError):
            return None

    def kill(self, child: str) -> bool:
        """Kill a child with SIGKILL; return whether there was one."""
        pid = self.pid(child)
        if pid is None:
            return False
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def is_ready(self) -> bool:
        """Return whether spans are taken and sessions can be asked for."""
        try:
            with urllib.request.urlopen(f"{self.http}/readyz", timeout=2) as response:
                ready: bool = response.status == 200
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            return False
        return ready and self.store.answers("SELECT count() FROM sessions")

    def wait_for_spans(self, project: str, count: int, *, seconds_max: float = 30.0) -> None:
        """
        Return once `count` distinct spans of a project are stored and nothing waits in the log: a
        record leaves it only after its sessions are exact.
        """
        wait_until(
            lambda: self.is_drained() and self._stored(project) == count,
            what=f"{count} spans in project {project}",
            seconds_max=seconds_max,
        )

    def _stored(self, project: str) -> int:
        [[count]] = self.store.query(
            "SELECT count() FROM spans WHERE Project = {project:String}", {"project": project}
        )
        return int(count)

    def is_drained(self) -> bool:
        """Return whether nothing waits in the log."""
        with closing(sqlite3.connect(self.folder / "buffer" / "otlp_spans.db")) as log:
            return bool(log.execute("SELECT count(*) FROM record").fetchone() == (0,))

    def stop(self) -> int:
        """Ask for the end as an operator would, and return the exit code."""
        self.store.close()
        self.process.terminate()
        return self.process.wait(timeout=30)


@contextmanager
def pipeline(folder: Path, *assignments: str) -> Iterator[Pipeline]:
    """Run everything on free ports, and stop it in the end, whatever happened."""
    addresses = {
        key: f"127.0.0.1:{free_port()}"
        for key in (
            "ingest.grpc.endpoint",
            "ingest.http.endpoint",
            "store.endpoint",
            "query.endpoint",
        )
    }
    given = [*(f"{key}={address}" for key, address in addresses.items()), *assignments]
    config = settings.load(environment={}, assignments=[f"data_dir={folder}", *given])
    process = subprocess.Popen(
        [COMMAND, "up", f"--data-dir={folder}", *(f"--set={item}" for item in given)]
    )
    running = Pipeline(
        folder=folder,
        config=config,
        process=process,
        store=Store(address=config.store.endpoint),
    )
    try:
        wait_until(running.is_ready, what="the pipeline is ready")
        yield running
    finally:
        if process.poll() is None:
            running.stop()
        running.store.close()
