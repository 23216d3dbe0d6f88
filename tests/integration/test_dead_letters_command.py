"""`sessiontrail dead-letters` on real logs: what it shows, moves, and never loses."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from structlog.testing import capture_logs

from buffer.embedded import EmbeddedConsumer
from buffer.port import ConsumedRecord, Record
from cli import letters
from cli.buffers import Log, open_consumer, open_producer
from cli.main import cli
from runtime import logging, settings
from runtime.config import Config
from schemas.dead_letter import DeadLetter
from schemas.envelope import Envelope
from tests import otlp, processes
from tests.kafka.cluster import Cluster
from tests.model import SentSpan

POISON = b"\x0a\xff\xff\xff\xff\x0fnot protobuf" + bytes(range(256)) * 3
HEADERS = {
    **Envelope(project="default", received_ns=5, spans=2).to_headers(),
    "mine": b"\x1b[31m\xff",
}
READABLE = otlp.request(
    [
        SentSpan(
            trace_id="0af7651916cd43dd8448eb211c80319c",
            span_id="b7ad6b7169203331",
            start_ns=1,
            end_ns=2,
            attributes={"session.id": "日本"},
            received_ns=3,
        )
    ]
)


@dataclass(frozen=True)
class Logs:
    """The logs in a folder, or the topics of a Kafka, and the command on them."""

    folder: Path
    given: tuple[str, ...] = ()

    def run(self, *words: str, answer: str = "") -> Result:
        """Run the command to its end."""
        given = [f"--set={assignment}" for assignment in self.given]
        arguments = ["dead-letters", *words, f"--data-dir={self.folder}", *given]
        return CliRunner().invoke(cli, arguments, input=answer)

    def listed(self) -> list[str]:
        """Return the ids that wait."""
        result = self.run("list", "--json")
        assert result.exit_code == 0, result.stderr
        return [json.loads(line)["id"] for line in result.stdout.splitlines()]

    def append(self, *records: Record) -> None:
        """Append to the dead letters as a worker would."""

        async def append() -> None:
            producer = await open_producer(self.config, "dead_letters")
            for record in records:
                await producer.append(record)
            await producer.close()

        asyncio.run(append())

    def records(self, log: Log) -> Sequence[ConsumedRecord]:
        """Return what waits in a log."""

        async def read() -> Sequence[ConsumedRecord]:
            consumer = await open_consumer(self.config, log)
            records = await consumer.consume(value_bytes_max=10**9, wait_seconds_max=0.1)
            await consumer.close()
            return records

        return asyncio.run(read())

    def next_offset(self) -> int:
        """Return how many records the log of the dead letters has ever had."""
        path = self.folder / "buffer" / "otlp_spans.dead.db"
        with closing(sqlite3.connect(path)) as log:
            [[offset]] = log.execute("SELECT next_offset FROM state")
            return int(offset)

    @property
    def config(self) -> Config:
        """The settings."""
        given = [f"data_dir={self.folder}", *self.given]
        return settings.load(environment={}, assignments=given)


@pytest.fixture
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Logs]:
    """Empty logs. The commands run in this process, whose logging is not theirs to set up."""
    monkeypatch.setattr(logging, "configure", lambda *_, **__: None)
    with capture_logs():
        yield Logs(tmp_path)


def _letter(offset: int, value: bytes = POISON, error: str = "[bold]bad\nbytes") -> Record:
    label = DeadLetter(
        reason="protobuf",
        error=error,
        topic="otlp_spans",
        partition=3,
        offset=offset,
        dead_ns=1_795_391_999 * 10**9,
    )
    return Record(value=value, headers=label.to_headers(HEADERS))


def test_list_shows_what_waits_and_takes_nothing(logs: Logs) -> None:
    """A letter kept twice is shown once; what is no letter of ours is shown too."""
    foreign = Record(value=b"x", headers={})
    logs.append(_letter(7), _letter(8, READABLE, error="x" * 999), _letter(7), foreign)
    first, second, third = [
        json.loads(line) for line in logs.run("list", "--json").stdout.splitlines()
    ]
    assert first == {
        "id": "otlp_spans:3:7",
        "time": "2026-11-22T23:59:59Z",
        "project": "default",
        "reason": "protobuf",
        "spans": 2,
        "bytes": len(POISON),
        "topic": "otlp_spans",
        "partition": 3,
        "offset": 7,
        "error": "[bold]bad\nbytes",
    }
    assert second["id"] == "otlp_spans:3:8"
    assert (third["id"], third["reason"], third["spans"]) == (
        "otlp_spans.dead:0:3",
        "foreign",
        None,
    )
    table = logs.run("list").stdout
    assert [line.split()[0] for line in table.splitlines()] == [
        "id",
        "otlp_spans:3:7",
        "otlp_spans:3:8",
        "otlp_spans.dead:0:3",
    ]
    assert "[bold]bad" in table
    assert len(logs.records("dead_letters")) == 4


def test_nothing_waits(logs: Logs) -> None:
    """An empty log is no error."""
    assert logs.run("list").stdout == "no dead letters\n"
    assert logs.run("list", "--json").stdout == ""
    assert logs.run("drop", "--all").stdout == "dropped 0 dead letters\n"


def test_show_decodes_what_is_readable(logs: Logs, tmp_path: Path) -> None:
    """Else it dumps the beginning; --raw writes the bytes, control characters are escaped."""
    as_json = b'{"resourceSpans": [{"scopeSpans": []}]}'
    logs.append(_letter(7), _letter(8, READABLE), _letter(9, as_json))
    readable = logs.run("show", "otlp_spans:3:8").stdout
    tree = json.loads(readable[readable.index("\n{") :])
    span = tree["resourceSpans"][0]["scopeSpans"][0]["spans"][0]
    assert span["traceId"] == "0af7651916cd43dd8448eb211c80319c"
    assert span["attributes"] == [{"key": "session.id", "value": {"stringValue": "日本"}}]
    assert "error: [bold]bad\nbytes\n" in readable
    assert "  mine: \\u001b[31m\\xff\n" in readable
    assert "  sessiontrail-project: default\n" in readable

    poison = logs.run("show", "otlp_spans:3:7").stdout
    assert "000000  0a ff ff ff ff 0f 6e 6f 74 20 70 72 6f 74 6f 62  ......not protob" in poison
    assert f"… and {len(POISON) - 512} bytes more" in poison
    shown = logs.run("show", "otlp_spans:3:9").stdout
    assert json.loads(shown[shown.index("\n{") :]) == json.loads(as_json)

    raw = tmp_path / "raw"
    assert logs.run("show", "otlp_spans:3:7", f"--raw={raw}").stdout == ""
    assert raw.read_bytes() == POISON
    missing = logs.run("show", "otlp_spans:3:70", f"--raw={tmp_path / 'none'}")
    assert (missing.exit_code, (tmp_path / "none").exists()) == (1, False)
    assert "No dead letter is called otlp_spans:3:70" in missing.stderr


def test_replay_appends_the_record_as_it_was(logs: Logs) -> None:
    """Its value and its own headers, once; the others wait as before, under their ids."""
    logs.append(*(_letter(offset) for offset in (1, 2, 3, 2)))
    result = logs.run("replay", "otlp_spans:3:2")
    assert result.stdout == "replayed 1 dead letter to otlp_spans\n"
    [replayed] = logs.records("spans")
    assert replayed.record == Record(value=POISON, headers=HEADERS)
    assert logs.listed() == ["otlp_spans:3:1", "otlp_spans:3:3"]
    assert [consumed.record for consumed in logs.records("dead_letters")] == [
        _letter(1),
        _letter(3),
    ]

    assert logs.run("replay", "--all").stdout == "replayed 2 dead letters to otlp_spans\n"
    assert len(logs.records("spans")) == 3
    assert logs.listed() == []


def test_drop_removes_what_was_named(logs: Logs) -> None:
    """And nothing else; all of them only after a yes."""
    logs.append(*(_letter(offset) for offset in range(4)), Record(value=b"x", headers={}))
    result = logs.run("drop", "otlp_spans:3:0", "otlp_spans:3:2")
    assert result.stdout == "dropped 2 dead letters\n"
    left = ["otlp_spans:3:1", "otlp_spans:3:3", "otlp_spans.dead:0:4"]
    assert logs.listed() == left

    refused = logs.run("drop", "--all", answer="n\n")
    assert refused.exit_code == 1
    assert "Drop 3 dead letters for good?" in refused.stderr
    assert logs.run("drop", "--all").exit_code == 1
    assert logs.listed() == left
    assert logs.run("drop", "--all", answer="y\n").stdout == "dropped 3 dead letters\n"
    assert logs.listed() == []
    logs.append(_letter(9))
    assert logs.run("drop", "--all", "--yes").exit_code == 0
    assert logs.listed() == []
    assert not logs.records("spans")


def test_an_unknown_id_changes_nothing(logs: Logs) -> None:
    """Not even for the ids beside it that exist."""
    logs.append(_letter(1), _letter(2))
    for action in ("replay", "drop"):
        result = logs.run(action, "otlp_spans:3:1", "otlp_spans:3:9")
        assert result.exit_code == 1
        assert "No dead letter is called otlp_spans:3:9; nothing was done" in result.stderr
        assert logs.run(action).exit_code == 2
        assert logs.run(action, "--all", "otlp_spans:3:1").exit_code == 2
    assert logs.listed() == ["otlp_spans:3:1", "otlp_spans:3:2"]
    assert not logs.records("spans")


def test_letters_of_many_megabytes_go_through(logs: Logs) -> None:
    """More than is held at once."""
    values = [bytes([number]) * 9 * 2**20 for number in range(4)]
    logs.append(*(_letter(number, value) for number, value in enumerate(values)))
    assert logs.run("replay", "otlp_spans:3:1", "otlp_spans:3:3").exit_code == 0
    assert [each.record.value for each in logs.records("spans")] == [values[1], values[3]]
    assert [each.record.value for each in logs.records("dead_letters")] == [values[0], values[2]]


def test_what_was_kept_is_not_met_again(logs: Logs) -> None:
    """In the last look at the log there are letters that the first one has appended again."""
    logs.append(_letter(0), _letter(1, bytes(16 * 2**20)), _letter(2))
    assert logs.run("drop", "otlp_spans:3:1").exit_code == 0
    assert logs.listed() == ["otlp_spans:3:0", "otlp_spans:3:2"]


async def test_two_at_once_are_refused(logs: Logs) -> None:
    """The second one is told; the first one loses nothing."""
    consumer = await open_consumer(logs.config, "dead_letters")
    result = await asyncio.to_thread(logs.run, "list")
    await consumer.close()
    assert result.exit_code == 2
    assert "Another process consumes the log" in result.stderr


async def test_a_crash_before_the_commit_leaves_letters_twice(
    logs: Logs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was to stay was appended anew by then; shown once, and taken out once next time."""
    await asyncio.to_thread(logs.append, *(_letter(offset) for offset in range(3)))
    waiting = await letters.look(logs.config)

    async def dies(*_: object) -> None:
        raise LookupError("died here")

    dropped = frozenset({"otlp_spans:3:1"})
    with monkeypatch.context() as crash:
        crash.setattr(EmbeddedConsumer, "commit", dies)
        with pytest.raises(LookupError, match="died here"):
            await letters.take_out(logs.config, waiting, dropped, to="nowhere")
    waiting = await letters.look(logs.config)
    assert waiting.records == 5
    assert list(waiting.labels) == ["otlp_spans:3:0", "otlp_spans:3:1", "otlp_spans:3:2"]
    await letters.take_out(logs.config, waiting, dropped, to="nowhere")
    waiting = await letters.look(logs.config)
    assert (waiting.records, list(waiting.labels)) == (2, ["otlp_spans:3:0", "otlp_spans:3:2"])


async def test_letters_that_come_meanwhile_stay(logs: Logs) -> None:
    """`--all` is all that waited when the command looked: a worker may add more."""
    await asyncio.to_thread(logs.append, _letter(1), _letter(2))
    waiting = await letters.look(logs.config)
    await asyncio.to_thread(logs.append, _letter(3))
    await letters.take_out(logs.config, waiting, frozenset(waiting.labels), to="nowhere")
    assert list((await letters.look(logs.config)).labels) == ["otlp_spans:3:3"]


def test_on_kafka_it_is_the_same(logs: Logs, kafka: Cluster, topic_name: str) -> None:
    """Three partitions, a group of its own, and places that are committed rather than removed."""
    given = {
        "buffer.kind": "kafka",
        "buffer.kafka.bootstrap_servers": kafka.bootstrap_servers,
        "buffer.kafka.topic": topic_name,
        "buffer.kafka.logs_topic": f"{topic_name}.logs",
        "buffer.kafka.dead_topic": f"{topic_name}.dead",
        "buffer.kafka.group": topic_name,
        "buffer.kafka.topics.create": "true",
        "buffer.kafka.topics.partitions": "3",
    }
    on_kafka = Logs(logs.folder, tuple(f"{key}={value}" for key, value in given.items()))
    assert on_kafka.run("list").stdout == "no dead letters\n"
    large = _letter(0, bytes(950 * 1024), error="x" * 2048)
    on_kafka.append(large, *(_letter(offset) for offset in range(1, 30)), _letter(29))
    every = [f"otlp_spans:3:{offset}" for offset in range(30)]
    assert sorted(on_kafka.listed()) == sorted(every)

    chosen = every[3:6]
    result = on_kafka.run("replay", *chosen)
    assert result.stdout == f"replayed 3 dead letters to {topic_name}\n", result.stderr
    assert sorted(on_kafka.listed()) == sorted(set(every) - set(chosen))
    assert on_kafka.run("drop", "--all", "--yes").stdout == "dropped 27 dead letters\n"
    assert on_kafka.listed() == []

    async def replayed() -> list[Record]:
        consumer = await open_consumer(on_kafka.config, "spans")
        records: list[Record] = []
        async with asyncio.timeout(30):
            while len(records) < len(chosen):
                more = await consumer.consume(value_bytes_max=10**9, wait_seconds_max=0.1)
                records += (consumed.record for consumed in more)
        await consumer.close()
        return records

    assert asyncio.run(replayed()) == [Record(value=POISON, headers=HEADERS)] * 3


@pytest.mark.fault
def test_a_killed_command_loses_nothing(logs: Logs) -> None:
    """Killed while it moves letters, every one that it was not told to drop still waits."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    dice = random.Random(seed)
    every = {f"otlp_spans:3:{offset}" for offset in range(200)}
    logs.append(*(_letter(offset) for offset in range(200)))
    kept, killed = every, 0
    for _ in range(10):
        victim = dice.choice(sorted(kept))
        before = logs.next_offset()
        process = subprocess.Popen(
            [processes.COMMAND, "dead-letters", "drop", victim, f"--data-dir={logs.folder}"]
        )
        while logs.next_offset() == before and process.poll() is None:
            time.sleep(0.001)
        time.sleep(dice.uniform(0, 0.4))
        process.kill()
        killed += process.wait() == -signal.SIGKILL
        found = set(asyncio.run(letters.look(logs.config)).labels)
        assert kept - {victim} <= found <= kept
        kept = found
    print(f"{killed} of 10 were killed before their end, {len(every) - len(kept)} letters dropped")
    assert killed > 0
