"""A real Apache Kafka on loopback: one node or three, which tests kill, freeze and start again."""

from __future__ import annotations

import random
import secrets
import socket
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests import processes
from tests.kafka import properties
from tests.kafka.certificates import Certificates, issue
from tests.kafka.node import SHORT_LIVED, Node
from tests.kafka.wire import Metadata, metadata

PLAINTEXT = "PLAINTEXT"


@dataclass(kw_only=True)
class Cluster:
    """
    A cluster of a test's own, or of all of them: `with Cluster(folder=…, nodes=3) as cluster`.

    With three nodes, topics have three replicas of which two must be in sync. `security` adds the
    listeners SASL_PLAINTEXT and SASL_SSL (PLAIN, SCRAM-SHA-256, SCRAM-SHA-512) and SSL, which asks
    for a client's certificate. `broker_properties` overrule the ones in properties.py. Who measures
    gives other `java_options`.

    The methods block; those that wait fail after a minute. None needs the caller's event loop:
    `asyncio.to_thread` may call them while load is running.
    """

    folder: Path
    nodes: int = 1
    security: bool = False
    broker_properties: Mapping[str, str] = field(default_factory=dict)
    java_options: Sequence[str] = SHORT_LIVED
    _nodes: dict[int, Node] = field(default_factory=dict, init=False, repr=False)
    _certificates: Certificates | None = field(default=None, init=False, repr=False)

    def __enter__(self) -> Self:
        try:
            self._format()
            for node in self._nodes.values():
                node.start()
            self.wait_until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def bootstrap_servers(self) -> str:
        """Every node, as clients want to be told."""
        return self.bootstrap_servers_of(PLAINTEXT)

    def bootstrap_servers_of(self, listener: str) -> str:
        """Return every node, by one of the listeners that `security` adds."""
        return ",".join(f"127.0.0.1:{node.ports[listener]}" for node in self._nodes.values())

    @property
    def pids(self) -> list[int]:
        """The process ids of the nodes that run."""
        return [node.pid for node in self._nodes.values() if node.pid is not None]

    @property
    def certificates(self) -> Certificates:
        """The files for a client of the listeners SASL_SSL and SSL."""
        assert self._certificates is not None, "the cluster was made without security"
        return self._certificates

    def kill(self, node: int) -> None:
        """Kill a node (SIGKILL), frozen or not, and return when it is gone."""
        self._nodes[node].kill()

    def start(self, node: int) -> None:
        """Start a killed node again, and return when it serves."""
        self._nodes[node].start()
        self.wait_until_ready()

    def freeze(self, node: int) -> None:
        """Stop a node in mid-step (SIGSTOP): connections stay open, nothing is answered."""
        self._nodes[node].freeze()

    def thaw(self, node: int) -> None:
        """Let a frozen node go on (SIGCONT)."""
        self._nodes[node].thaw()

    def stop(self) -> None:
        """Kill every node. Nobody needs the data again, and an orderly end can take long."""
        for node in self._nodes.values():
            node.kill()

    def wait_until_ready(self) -> None:
        """Return once every node that was started answers, and says that they all serve."""
        started = {node.id for node in self._started()}
        processes.wait_until(
            lambda: all(known.brokers >= started for known in self._metadata()),
            what=f"Kafka's nodes {started} serve",
        )

    def wait_in_sync(self, topic: str) -> None:
        """Return once every replica of every partition of a topic is in sync."""
        processes.wait_until(
            lambda: all(known.is_in_sync(topic) for known in self._metadata()),
            what=f"the replicas of {topic} are in sync",
        )

    def wait_until_gone(self, topic: str) -> None:
        """Return once no node knows a topic any more."""
        processes.wait_until(
            lambda: all(topic not in known.topics for known in self._metadata()),
            what=f"{topic} is gone",
        )

    def leader_of(self, topic: str, partition: int = 0) -> int:
        """
        Return which node leads a partition. Where that one is dead or frozen, wait until the others
        have elected one of themselves.
        """
        started = {node.id for node in self._started()}
        leaders = set[int]()

        def agreed() -> bool:
            leaders.clear()
            leaders.update(known.leader_of(topic, partition) for known in self._metadata())
            return len(leaders) == 1 and leaders <= started

        processes.wait_until(agreed, what=f"a leader of {topic}, partition {partition}")
        return leaders.pop()

    def _started(self) -> list[Node]:
        """Return the nodes that should serve: not killed, not frozen."""
        return [node for node in self._nodes.values() if node.should_serve]

    def _metadata(self) -> list[Metadata]:
        """Return what each of them says of the cluster."""
        return [metadata(node.ports[PLAINTEXT]) for node in self._started()]

    def _format(self) -> None:
        """Write every node's settings, and have their folders formatted, all at once."""
        extra = dict(self.broker_properties)
        options: list[str] = []
        listeners = [PLAINTEXT, properties.CONTROLLER]
        if self.security:
            self._certificates = issue(self.folder / "certificates")
            extra = properties.of_security(self._certificates) | extra
            options = properties.scram_users()
            listeners += properties.SECURE_LISTENERS
        self._nodes = {
            id_: Node(
                id=id_,
                folder=self.folder / str(id_),
                ports={listener: _free_port() for listener in listeners},
                java_options=self.java_options,
            )
            for id_ in range(1, self.nodes + 1)
        }
        controllers = {node.id: node.ports[properties.CONTROLLER] for node in self._nodes.values()}
        # Every cluster has an id of its own; the first letter may not look like an option.
        cluster_id = f"c{secrets.token_urlsafe(16)[1:]}"

        def format_node(node: Node) -> None:
            node.format(cluster_id, properties.of_node(node, controllers) | extra, options)

        with ThreadPoolExecutor() as pool:  # each takes a second
            list(pool.map(format_node, self._nodes.values()))


def _free_port() -> int:
    """
    Return a port that nobody listens on, below those that the system gives to clients: a client
    that keeps trying would else take a dead broker's port for itself.
    """
    while True:
        port = random.SystemRandom().randrange(15000, 32000)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
