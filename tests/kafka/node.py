"""One Kafka node, broker and controller in one JVM, which never outlives the tests."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests import guard
from tests.kafka.jars import jars

JVM_OPTIONS = [
    "-Xms64m",
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
]
# Most nodes do not live long enough to win back what C2 costs.
SHORT_LIVED = ("-XX:TieredStopAtLevel=1",)


@dataclass(kw_only=True)
class Node:
    """A node in a folder of its own. `ports` names the port of each listener."""

    id: int
    folder: Path
    ports: Mapping[str, int]
    java_options: Sequence[str]
    _is_frozen: bool = field(default=False, init=False)
    _process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)

    @property
    def log(self) -> Path:
        """What the node has to say: warnings and errors."""
        return self.folder / "broker.log"

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return None if self._process is None else self._process.pid

    @property
    def should_serve(self) -> bool:
        """
        Return whether it was started, and neither killed nor frozen since.

        Raises:
            AssertionError: it was, but has ended by itself.
        """
        if self._process is None or self._is_frozen:
            return False
        assert self._process.poll() is None, f"Kafka ended: {self.log}\n{self.log.read_text()}"
        return True

    def format(
        self, cluster_id: str, properties: Mapping[str, str], options: Sequence[str]
    ) -> None:
        """Prepare the folder for the first start."""
        self.folder.mkdir(parents=True)
        lines = (f"{key}={value}\n" for key, value in properties.items())
        (self.folder / "server.properties").write_text("".join(lines), encoding="utf-8")
        tool = ["kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", "server.properties"]
        command = [*_java(SHORT_LIVED), *tool, *options]
        subprocess.run(command, cwd=self.folder, stdout=subprocess.DEVNULL, check=True)

    def start(self) -> None:
        """Start the process; it serves a few seconds later."""
        assert self._process is None, f"node {self.id} is running"
        self._process = guard.start(
            [*_java(self.java_options), "kafka.Kafka", "server.properties"],
            folder=self.folder,
            log=self.log,
        )

    def kill(self) -> None:
        """Kill the process, frozen or not, and return when it is gone, its ports included."""
        if self._process is not None:
            guard.kill(self._process)
        self._process = None
        self._is_frozen = False

    def freeze(self) -> None:
        """Stop it in mid-step: connections stay open, nothing is answered."""
        self._signal(signal.SIGSTOP)
        self._is_frozen = True

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)
        self._is_frozen = False

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None, f"node {self.id} is not running"
        self._process.send_signal(number)


def _java(options: Sequence[str]) -> list[str]:
    return ["java", *JVM_OPTIONS, *options, "-cp", f"{jars()}/*"]
