"""A worker and its dead letters, as real processes: full, then emptied by the command."""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from buffer.port import Record
from cli.buffers import open_producer
from runtime import settings
from runtime.config import Config
from schemas.envelope import Envelope
from tests import otlp, processes
from tests.kafka.cluster import Cluster
from tests.kafka.test_cluster import produce
from tests.kafka.topics import configure_topic, create_topic

POISON = b"\x0a\xff\xff\xff\xff\x0fnot protobuf"


class Worker:
    """A worker process, the log before it, and its health."""

    def __init__(self, store: processes.Store, folder: Path, *assignments: str) -> None:
        self.project = f"dead-{secrets.token_hex(4)}"
        self.given = [
            f"data_dir={folder}",
            f"store.endpoint={store.address}",
            f"worker.telemetry.endpoint=127.0.0.1:{processes.free_port()}",
            "worker.dead_letters_max=2",
            "worker.batch_seconds_max=0.1",
            *assignments,
        ]
        self.config: Config = settings.load(environment={}, assignments=self.given)
        self._store = store

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the worker."""
        process = subprocess.Popen(self.command("worker"))
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=30)

    def command(self, *words: str) -> list[str]:
        """Return the command line of a command with the worker's settings."""
        return [str(processes.COMMAND), *words, *(f"--set={item}" for item in self.given)]

    def append(self, *values: bytes) -> None:
        """Append records as ingest would."""

        async def append() -> None:
            producer = await open_producer(self.config, "spans")
            envelope = Envelope(project=self.project, received_ns=otlp.RECEIVED_NS, spans=1)
            for value in values:
                await producer.append(Record(value=value, headers=envelope.to_headers()))
            await producer.close()

        asyncio.run(append())

    def waiting(self) -> tuple[int, int]:
        """Return how many records and how many dead letters wait."""

        async def waiting() -> tuple[int, int]:
            spans = await open_producer(self.config, "spans")
            dead = await open_producer(self.config, "dead_letters")
            counts = (await spans.backlog()).records, (await dead.backlog()).records
            await spans.close()
            await dead.close()
            return counts

        return asyncio.run(waiting())

    def stored(self) -> int:
        """Return how many spans are stored, committed or not."""
        [[count]] = self._store.query(
            "SELECT count() FROM spans WHERE Project = {project:String}", {"project": self.project}
        )
        return int(count)

    def ask(self, path: str) -> str:
        """Return what the worker answers, nothing while it is not there."""
        return processes.answer(f"http://{self.config.worker.telemetry.endpoint}{path}")[1]

    def waits_for(self) -> list[str] | None:
        """Return what the worker waits for, None while it does not answer."""
        answer = self.ask("/readyz")
        return [str(reason) for reason in json.loads(answer)["waiting_for"]] if answer else None


def test_past_the_limit_the_worker_stops_and_goes_on_when_there_is_room(
    store: processes.Store, tmp_path: Path
) -> None:
    """It takes no more records, says so, keeps nothing twice, and needs nobody to start it."""
    worker = Worker(store, tmp_path)
    worker.append(otlp.request([otlp.sample(1)]), POISON, POISON, POISON)
    with worker.running():
        processes.wait_until(lambda: bool(worker.waits_for()), what="the worker says so")
        reasons = worker.waits_for()
        assert reasons is not None
        [reason] = reasons
        assert "2 dead letters wait" in reason
        assert "sessiontrail dead-letters list" in reason
        # One more batch may be in hand, and waits to be committed; no other is taken.
        for number in range(2, 6):
            worker.append(otlp.request([otlp.sample(number)]))
            time.sleep(1)
        assert worker.stored() < 5
        assert worker.waiting() == (8, 2)
        assert "sessiontrail_dead_letters 2.0" in worker.ask("/metrics")
        assert "sessiontrail_committed_batches_total 0.0" in worker.ask("/metrics")

        subprocess.run(worker.command("dead-letters", "drop", "otlp_spans:0:1"), check=True)
        processes.wait_until(
            lambda: worker.waiting() == (0, 2) and worker.stored() == 5,
            what="the worker goes on",
            seconds_max=20,
        )
        assert worker.waits_for() == []
    listed = subprocess.run(
        worker.command("dead-letters", "list", "--json"), check=True, capture_output=True, text=True
    )
    letters = [json.loads(line) for line in listed.stdout.splitlines()]
    assert {letter["id"] for letter in letters} == {"otlp_spans:0:2", "otlp_spans:0:3"}
    assert len(letters) == 2


def test_a_record_that_was_dead_is_stored_once_it_is_readable(
    store: processes.Store, tmp_path: Path
) -> None:
    """Replayed to a worker that can read it, it is stored; one that still cannot be is back."""
    worker = Worker(store, tmp_path)
    worker.append(POISON)
    with worker.running():
        processes.wait_until(lambda: worker.waiting() == (0, 1), what="the letter is kept")
        for number in (1, 2):
            subprocess.run(worker.command("dead-letters", "replay", "--all"), check=True)
            identity = f"otlp_spans:0:{number}"
            processes.wait_until(
                lambda: worker.waiting() == (0, 1), what=f"{identity} is kept instead"
            )
            subprocess.run(worker.command("dead-letters", "show", identity), check=True)


def test_a_letter_that_its_topic_does_not_take_is_told_until_it_does(
    store: processes.Store, kafka: Cluster, topic_name: str, tmp_path: Path
) -> None:
    """With what it says of the record, a letter is larger than another writer's largest record."""
    dead_topic = f"{topic_name}.dead"
    worker = Worker(
        store,
        tmp_path,
        "buffer.kind=kafka",
        f"buffer.kafka.bootstrap_servers={kafka.bootstrap_servers}",
        f"buffer.kafka.topic={topic_name}",
        f"buffer.kafka.logs_topic={topic_name}.logs",
        f"buffer.kafka.dead_topic={dead_topic}",
        f"buffer.kafka.group={topic_name}",
    )
    for name in (topic_name, f"{topic_name}.logs", dead_topic):
        create_topic(kafka, name, max_message_bytes=1_048_588)
    poison = POISON + secrets.token_bytes(1_048_400)
    asyncio.run(produce(kafka.bootstrap_servers, topic_name, poison))
    with worker.running():
        processes.wait_until(
            lambda: "raise its max.message.bytes" in str(worker.waits_for()), what="what to do"
        )
        configure_topic(kafka, dead_topic, max_message_bytes=2 * 1_048_588)
        processes.wait_until(lambda: worker.waiting() == (0, 1), what="the letter is kept")
        processes.wait_until(lambda: worker.waits_for() == [], what="the worker is ready")
