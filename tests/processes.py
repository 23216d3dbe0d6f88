"""The real processes, started for a test: the whole pipeline, or the embedded store alone."""

from __future__ import annotations

import http.client
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
import psutil
from clickhouse_connect.driver.client import Client
from prometheus_client.parser import text_string_to_metric_families

from runtime import settings
from runtime.config import Config, StoreConfig
from runtime.section import HostPort
from runtime.signals import SignalName

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
        result = self._connected().query(sql, parameters=dict(parameters or {}))
        return [tuple(row) for row in result.result_rows]

    def rows(self, sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the rows of a SELECT by the names of its columns."""
        return list(self._connected().query(sql, parameters=dict(parameters)).named_results())

    def command(self, sql: str, parameters: Mapping[str, Any] | None = None) -> None:
        """Run a statement that is no SELECT."""
        self._connected().command(sql, parameters=dict(parameters or {}))

    def _connected(self) -> Client:
        if self.client is None:
            self.client = clickhouse_connect.get_client(
                host=self.address.host,
                port=self.address.port,
                autogenerate_session_id=False,
            )
        return self.client

    def answers(self, sql: str) -> bool:
        """Return whether a statement succeeds right now."""
        return answer(f"http://{self.address}/", sql.encode())[0] == 200

    def close(self) -> None:
        """Let go of the connection."""
        if self.client is not None:
            self.client.close()


def migrate(store: Store, *assignments: str) -> None:
    """Bring a store to this release, as an operator would."""
    given = (f"store.endpoint={store.address}", *assignments)
    subprocess.run([COMMAND, "migrate", *(f"--set={item}" for item in given)], check=True)


@contextmanager
def store(
    folder: Path, *, address: HostPort | None = None, migrated: bool = True
) -> Iterator[Store]:
    """Run the embedded store alone."""
    running = Store(address=address or HostPort("127.0.0.1", free_port()))
    process = subprocess.Popen(
        [COMMAND, "store", f"--data-dir={folder}", f"--set=store.endpoint={running.address}"]
    )
    try:
        wait_until(lambda: running.answers("SELECT 1"), what="the store answers")
        if migrated:
            migrate(running)
        yield running
    finally:
        running.close()
        process.terminate()
        process.wait(timeout=30)


@dataclass(kw_only=True)
class Ingest:
    """A running `sessiontrail ingest`, of one process or of several."""

    folder: Path
    grpc: str
    http: str
    process: subprocess.Popen[bytes] = field(repr=False)

    def members(self) -> list[psutil.Process]:
        """Return the processes that receive; with one, that is the command itself."""
        parent = psutil.Process(self.process.pid)
        return parent.children() or [parent]

    def is_ready(self) -> bool:
        """Return whether it, or one of its processes, takes spans."""
        return answer(f"{self.http}/readyz")[0] == 200

    def metric(self, name: str) -> float:
        """Return a metric, summed over its labels, as one of the processes tells it."""
        status, text = answer(f"{self.http}/metrics")
        assert status == 200
        families = text_string_to_metric_families(text)
        return sum(s.value for family in families for s in family.samples if s.name == name)

    def stop(self) -> int:
        """Ask for the end as an operator would, and return the exit code."""
        self.process.terminate()
        return self.process.wait(timeout=30)


def answer(url: str, body: bytes | None = None) -> tuple[int, str]:
    """
    Return the status and the text that a URL answers with, to a GET or the POST of a body, over a
    connection of its own; (0, "") where nobody answers.
    """
    try:
        with urllib.request.urlopen(url, body, timeout=15) as response:
            return response.status, response.read().decode()
    except urllib.error.HTTPError as error:
        # It is a response too, with a socket that must not be left to the garbage collector.
        with error:
            return error.code, error.read().decode()
    except (OSError, http.client.HTTPException):
        return 0, ""


@contextmanager
def ingest(
    folder: Path,
    *assignments: str,
    processes: int,
    ports: tuple[int, int] | None = None,
) -> Iterator[Ingest]:
    """Run ingest alone, in so many processes, and stop it in the end."""
    grpc, http = (f"127.0.0.1:{port}" for port in ports or (free_port(), free_port()))
    command = ingest_command(folder, processes=processes, grpc=grpc, http=http)
    process = subprocess.Popen([*command, *(f"--set={item}" for item in assignments)])
    running = Ingest(folder=folder, grpc=grpc, http=f"http://{http}", process=process)
    try:
        wait_until(
            lambda: running.is_ready() and len(running.members()) == processes,
            what="ingest is ready",
        )
        yield running
    finally:
        if process.poll() is None:
            running.stop()


def ingest_command(folder: Path, *, processes: int, grpc: str, http: str) -> list[str | Path]:
    """Return the command line of an ingest."""
    return [
        COMMAND,
        "ingest",
        f"--data-dir={folder}",
        f"--set=ingest.processes={processes}",
        f"--set=ingest.grpc.endpoint={grpc}",
        f"--set=ingest.http.endpoint={http}",
    ]


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

    @property
    def pages(self) -> str:
        """Where pages and API are served."""
        return f"http://{self.config.query.endpoint}"

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
        ready = answer(f"{self.http}/readyz")[0] == 200
        works = all(self.pid(child) for child in ("ingest", "worker"))
        pages = answer(f"{self.pages}/readyz")[0] == 200
        return ready and works and pages

    def send(self, body: bytes, signal: SignalName = "traces") -> None:
        """Send a request, and have all of it acknowledged."""
        request = urllib.request.Request(
            f"{self.http}/v1/{signal}",
            data=body,
            headers={"Content-Type": "application/x-protobuf"},
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            assert (response.status, response.read()) == (200, b"")

    def wait_for_spans(self, project: str, count: int, *, seconds_max: float = 30.0) -> None:
        """
        Return once `count` distinct spans of a project are stored and nothing waits in the log: a
        record leaves it only after its sessions are exact.
        """
        wait_until(
            lambda: self.is_drained() and self._stored("spans", project) == count,
            what=f"{count} spans in project {project}",
            seconds_max=seconds_max,
        )

    def wait_for_log_records(self, project: str, count: int, *, seconds_max: float = 30.0) -> None:
        """Return once `count` distinct log records of a project are stored and none wait."""
        wait_until(
            lambda: self.is_drained("otlp_logs") and self._stored("logs", project) == count,
            what=f"{count} log records in project {project}",
            seconds_max=seconds_max,
        )

    def _stored(self, view: str, project: str) -> int:
        [[count]] = self.store.query(
            f"SELECT count() FROM {view} WHERE Project = {{project:String}}", {"project": project}
        )
        return int(count)

    def is_drained(self, name: str = "otlp_spans") -> bool:
        """Return whether nothing waits in a log."""
        with closing(sqlite3.connect(self.folder / "buffer" / f"{name}.db")) as log:
            return bool(log.execute("SELECT count(*) FROM record").fetchone() == (0,))

    def stop(self) -> int:
        """Ask for the end as an operator would, and return the exit code."""
        self.store.close()
        self.process.terminate()
        return self.process.wait(timeout=30)


@contextmanager
def pipeline(folder: Path, *assignments: str, ready: bool = True) -> Iterator[Pipeline]:
    """
    Run everything on free ports, from when it is ready on unless told otherwise, and stop it in the
    end, whatever happened.
    """
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
        if ready:
            wait_until(running.is_ready, what="the pipeline is ready")
        yield running
    finally:
        if process.poll() is None:
            running.stop()
        running.store.close()
