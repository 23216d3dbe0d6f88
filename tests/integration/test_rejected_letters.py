"""Where are my spans? What ingest refused for good, as `sessiontrail dead-letters` tells it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import CliRunner, Result
from structlog.testing import capture_logs

from buffer.port import Record
from cli.buffers import open_producer
from cli.main import cli
from runtime import logging, settings
from tests.fakes import RecordingProducer, running_ingest
from tests.kafka.cluster import Cluster
from tests.otlp_json import IDS, body_of
from tests.samples import request, span

BODIES = [
    ("application/json", body_of({**IDS, "name": "in JSON", "kind": "SPAN_KIND_SERVER"}, IDS)),
    ("application/x-protobuf", request(span(1), span(2, span_id=b"")).SerializeToString()),
    ("application/x-protobuf", b"GET / HTTP/1.1"),
]


class Command:
    """The command, with these settings."""

    def __init__(self, folder: Path, **given: str) -> None:
        self.assignments = [
            f"data_dir={folder}",
            *(f"buffer.{key}={value}" for key, value in given.items()),
        ]

    def run(self, *words: str) -> Result:
        """Run it to its end."""
        given = [f"--set={assignment}" for assignment in self.assignments]
        return CliRunner().invoke(cli, ["dead-letters", *words, *given])

    def listed(self) -> list[dict[str, Any]]:
        """Return what it lists of what was rejected."""
        result = self.run("list", "--rejected", "--json")
        assert result.exit_code == 0, result.stderr
        return [json.loads(line) for line in result.stdout.splitlines()]

    def ingest(self, bodies: Sequence[tuple[str, bytes]]) -> None:
        """Run an ingest that writes where the command reads, and send these bodies."""

        async def send() -> None:
            config = settings.load(environment={}, assignments=self.assignments)
            producer = await open_producer(config, "rejected")
            async with (
                running_ingest(RecordingProducer(), rejected=producer) as service,
                aiohttp.ClientSession() as session,
            ):
                url = f"http://127.0.0.1:{service.http_port}/v1/traces"
                for content_type, body in bodies:
                    headers = {"Content-Type": content_type}
                    async with session.post(url, data=body, headers=headers) as response:
                        assert response.status in {200, 400}
            await producer.close()

        asyncio.run(send())


@pytest.fixture(autouse=True)
def unlogged(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The command runs in this process, whose logging is not its to set up."""
    monkeypatch.setattr(logging, "configure", lambda *_, **__: None)
    with capture_logs():
        yield


def test_tells_the_operator_whose_spans_were_refused_and_why(tmp_path: Path) -> None:
    """A letter for each reason, with a span as it was sent; dead letters are something else."""
    command = Command(tmp_path)
    assert command.run("list", "--rejected").stdout == "nothing was rejected\n"
    command.ingest(BODIES)

    found = {letter["reason"]: letter for letter in command.listed()}
    assert {reason: letter["spans"] for reason, letter in found.items()} == {
        "json": 1,
        "span_id": 1,
        "request": None,
    }
    assert {letter["project"] for letter in found.values()} == {"default"}
    assert "kind must be an integer" in found["json"]["error"]
    assert "not an OTLP ExportTraceServiceRequest" in found["request"]["error"]
    as_json = command.run("show", "--rejected", found["json"]["id"]).stdout
    assert '"name": "in JSON"' in as_json
    as_protobuf = command.run("show", "--rejected", found["span_id"]["id"]).stdout
    assert '"name": "span 2"' in as_protobuf
    assert "47 45 54 20" in command.run("show", "--rejected", found["request"]["id"]).stdout

    assert command.run("list").stdout == "no dead letters\n"
    assert command.run("show", found["json"]["id"]).exit_code == 1
    dropped = command.run("drop", "--rejected", found["json"]["id"])
    assert dropped.stdout == "dropped 1 dead letter\n"
    assert {letter["id"] for letter in command.listed()} == {
        letter["id"] for reason, letter in found.items() if reason != "json"
    }


def test_on_kafka_it_is_the_same(kafka: Cluster, topic_name: str, tmp_path: Path) -> None:
    """The letters have a topic of their own."""
    command = Command(
        tmp_path,
        kind="kafka",
        **{
            "kafka.bootstrap_servers": kafka.bootstrap_servers,
            "kafka.topic": topic_name,
            "kafka.dead_topic": f"{topic_name}.dead",
            "kafka.group": topic_name,
            "kafka.topics.create": "true",
            "kafka.topics.partitions": "1",
        },
    )
    command.ingest(BODIES)

    assert {letter["reason"] for letter in command.listed()} == {"json", "span_id", "request"}
    assert command.run("drop", "--rejected", "--all", "--yes").exit_code == 0
    assert command.listed() == []


async def test_the_embedded_log_keeps_the_newest(tmp_path: Path) -> None:
    """Nobody has to make room."""
    config = settings.load(environment={}, assignments=[f"data_dir={tmp_path}"])
    producer = await open_producer(config, "rejected")
    for _ in range(3):
        await asyncio.gather(*(producer.append(Record(value=b"x")) for _ in range(500)))
    backlog = await producer.backlog()
    await producer.close()

    assert (backlog.records, backlog.value_bytes) == (1000, 1000)
