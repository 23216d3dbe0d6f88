"""
The pipeline as it is deployed: Kafka, a store, an ingest of several processes, and any number of
workers, each a process of its own that a test may kill, stop and continue.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import psutil
from aiokafka.errors import KafkaError

from runtime.section import HostPort
from tests import model, views
from tests.kafka.cluster import Cluster
from tests.kafka.groups import lag
from tests.load import Load
from tests.processes import COMMAND, Store, answer, free_port, migrate, wait_until

# Runs a worker that kills itself between two of its steps.
_CRASHING_WORKER = [sys.executable, "-P", "-m", "tests.fault.crashing_worker"]
_ROOT = Path(__file__).parent.parent


@dataclass(kw_only=True)
class Deployment:
    """Everything that runs, by name. Nothing restarts by itself: that is the test's business."""

    cluster: Cluster
    folder: Path
    topic: str
    store: Store
    settings: Sequence[str]
    grpc: str
    http: str
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    health: dict[str, str] = field(default_factory=dict)

    def start_store(self) -> None:
        """Start the store, or start it again, and return when it answers."""
        self._start("store", [str(COMMAND), "store", f"--data-dir={self.folder}"])
        wait_until(lambda: self.store.answers("SELECT 1"), what="the store answers")

    def start_ingest(self) -> None:
        """Start the receivers."""
        self._start("ingest", [str(COMMAND), "ingest"])
        self.health["ingest"] = self.http

    def start_worker(self, name: str, *assignments: str, crash_after: str = "") -> None:
        """
        Start a worker, which comes back to its partitions under its name. `crash_after` is the step
        after which it kills itself.
        """
        port = free_port()
        command = [*_CRASHING_WORKER, crash_after] if crash_after else [str(COMMAND), "worker"]
        own = [f"buffer.kafka.instance_id={name}", f"worker.telemetry.endpoint=127.0.0.1:{port}"]
        self._start(name, [*command, *(f"--set={item}" for item in (*own, *assignments))])
        self.health[name] = f"http://127.0.0.1:{port}"

    def kill(self, name: str) -> None:
        """Kill a process with SIGKILL, and return when it is gone."""
        process = self.running.pop(name)
        process.kill()
        process.wait()

    def kill_receiver(self, dice: random.Random) -> None:
        """Kill one of the receivers with SIGKILL; their parent starts another one."""
        receivers = psutil.Process(self.running["ingest"].pid).children()
        if receivers:
            dice.choice(receivers).kill()

    def stop(self, name: str) -> int:
        """Ask a process to end, and return its exit code."""
        process = self.running.pop(name)
        process.terminate()
        return process.wait(timeout=30)

    def pause(self, name: str) -> None:
        """Stop a process in mid-step (SIGSTOP)."""
        self.running[name].send_signal(signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Let a paused process go on."""
        self.running[name].send_signal(signal.SIGCONT)

    def has_ended(self, name: str) -> bool:
        """Return whether a process has ended by itself."""
        return self.running[name].poll() is not None

    def is_ready(self, name: str) -> bool:
        """Return whether a process says that it can do its work."""
        return answer(f"{self.health[name]}/readyz")[0] == 200

    def wait_until_ready(self, *names: str) -> None:
        """Return when they all say so."""
        for name in names:
            wait_until(partial(self.is_ready, name), what=f"{name} is ready")

    def is_drained(self) -> bool:
        """Return whether the workers have committed everything."""
        try:
            return lag(self.cluster, group=self.topic, topic=self.topic) == 0
        except KafkaError:
            return False

    def assert_exact(self, load: Load) -> None:
        """Fail unless everything acknowledged is stored once, and every session is exact."""
        sent = load.acknowledged
        assert sent
        wait_until(self.is_drained, what="everything is committed", seconds_max=120)
        assert model.sessions(sent) == views.sessions(self.store.query, "default")
        assert model.traces(sent) == views.traces(self.store.query, "default")
        [[rows, distinct]] = self.store.query(
            "SELECT count(), uniqExact(TraceId, SpanId) FROM spans WHERE Project = 'default'"
        )
        assert (rows, distinct) == (len(sent), len(sent))

    def _start(self, name: str, command: Sequence[str]) -> None:
        given = [f"--set={item}" for item in self.settings]
        self.running[name] = subprocess.Popen(
            [*command, *given], cwd=_ROOT, env={**os.environ, "PYTHONPATH": str(_ROOT)}
        )


@contextmanager
def deployment(
    cluster: Cluster, folder: Path, topic: str, *assignments: str, is_ready: bool = True
) -> Iterator[Deployment]:
    """
    Run a store and an ingest around a Kafka; workers are the test's to start. Where `is_ready` is
    false, ingest cannot be ready yet.
    """
    store = Store(address=HostPort("127.0.0.1", free_port()))
    grpc, http = f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"
    made = Deployment(
        cluster=cluster,
        folder=folder,
        topic=topic,
        store=store,
        settings=[
            "buffer.kind=kafka",
            f"buffer.kafka.bootstrap_servers={cluster.bootstrap_servers}",
            f"buffer.kafka.topic={topic}",
            f"buffer.kafka.logs_topic={topic}.logs",
            f"buffer.kafka.dead_topic={topic}.dead",
            f"buffer.kafka.group={topic}",
            "buffer.kafka.session_seconds=3",
            "buffer.kafka.topics.create=true",
            "buffer.kafka.topics.partitions=6",
            "ingest.processes=2",
            f"ingest.grpc.endpoint={grpc}",
            f"ingest.http.endpoint={http}",
            f"store.endpoint={store.address}",
            *assignments,
        ],
        grpc=grpc,
        http=f"http://{http}",
    )
    try:
        made.start_store()
        migrate(store)
        made.start_ingest()
        if is_ready:
            made.wait_until_ready("ingest")
        yield made
    finally:
        store.close()
        for process in made.running.values():
            process.send_signal(signal.SIGCONT)
            process.kill()
        for process in made.running.values():
            process.wait()
