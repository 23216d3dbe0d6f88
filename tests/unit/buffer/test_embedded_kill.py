"""What the embedded log promises when its processes are killed at any moment."""

from __future__ import annotations

import asyncio
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from buffer.embedded import EmbeddedConsumer
from buffer.port import ConsumedRecord, next_offsets

ROOT = Path(__file__).parents[3]
PROGRAM = Path(__file__).with_name("log_process.py")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Give the path of a log that is not there yet."""
    return tmp_path / "log.db"


@pytest.fixture
def moments() -> random.Random:
    """Give the source of the moments at which processes are killed; print how to have it again."""
    seed = int(os.environ.get("KILL_SEED", time.time_ns() % 1_000_000))
    print(f"KILL_SEED={seed}")
    return random.Random(seed)


@contextmanager
def running(path: Path, role: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run the program until the end of the block, then kill it; its output stays readable."""
    output = path.with_name(f"{role}-{'-'.join(arguments)}-{time.monotonic_ns()}.out")
    with output.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, str(PROGRAM), role, str(path), *arguments],
            stdout=out,
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            text=True,
        )
    try:
        wait_for_output(process, output)
        yield process
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()


def wait_for_output(process: subprocess.Popen[str], output: Path) -> None:
    """Wait until the process has confirmed something, so that it is killed in mid-load."""
    deadline = time.monotonic() + 30
    while output.stat().st_size == 0:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)


def output_lines(path: Path, role: str) -> list[str]:
    """Return the whole lines that all processes of one role have printed, run after run."""
    files = sorted(path.parent.glob(f"{role}-*.out"), key=lambda file: file.stat().st_ctime_ns)
    return [line for file in files for line in file.read_text().split("\n")[:-1]]


def assert_totals_are_right(path: Path) -> None:
    """Count the records of the file itself against its running totals."""
    with closing(sqlite3.connect(path)) as connection:
        counted = connection.execute(
            "SELECT count(*), coalesce(sum(length(value)), 0) FROM record"
        ).fetchone()
        totals = connection.execute(
            "SELECT next_offset - committed_offset, value_bytes FROM state"
        ).fetchone()
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert totals == counted


async def consume_all(path: Path) -> list[ConsumedRecord]:
    """Consume and commit all that is there."""
    consumer = await EmbeddedConsumer.open(path)
    records: list[ConsumedRecord] = []
    while more := await consumer.consume(value_bytes_max=10_000_000, wait_seconds_max=0.0):
        records += more
        await consumer.commit(next_offsets(more))
    await consumer.close()
    return records


def names(records: list[ConsumedRecord]) -> list[str]:
    """Return the names that log_process.py gave the records."""
    return [consumed.record.headers["name"].decode() for consumed in records]


async def test_killed_producers_lose_nothing_acknowledged(
    path: Path, moments: random.Random
) -> None:
    """Two producers that are killed in mid-load, three times: what they had confirmed is there."""
    for run in range(3):
        with (
            running(path, "append", f"a{run}", str(run)),
            running(path, "append", f"b{run}", str(run + 100)),
        ):
            await asyncio.sleep(moments.uniform(0.0, 0.3))
        assert_totals_are_right(path)
    found = names(await consume_all(path))
    acknowledged = output_lines(path, "append")
    assert set(acknowledged) <= set(found)
    assert len(set(found)) == len(found)
    # What was appended and not yet confirmed is no more than what was under way in six processes.
    assert len(found) - len(acknowledged) <= 6 * 32


async def test_killed_consumer_goes_on_at_its_commit(path: Path, moments: random.Random) -> None:
    """Consumers that are killed beside a producer: the next one starts at the last commit."""
    with running(path, "append", "a", "1"):
        for _ in range(3):
            with running(path, "consume"):
                await asyncio.sleep(moments.uniform(0.0, 0.3))
    assert_totals_are_right(path)
    rest = await consume_all(path)

    lines = output_lines(path, "consume")
    committed = max(int(line.split()[1]) for line in lines if line.startswith("committed "))
    seen = dict(line.split()[1:] for line in lines if line.startswith("record "))
    seen |= {str(consumed.offset): name for consumed, name in zip(rest, names(rest), strict=True)}
    # The commit may have been stored in the moment before the kill, and not been printed.
    assert rest[0].offset >= committed
    assert sorted(map(int, seen)) == list(range(len(seen)))
    assert len(set(seen.values())) == len(seen)
    assert set(output_lines(path, "append")) <= set(seen.values())


def test_nobody_starves(path: Path) -> None:
    """Two producers and a consumer that never pause, in three processes, all get on together."""
    with (
        running(path, "append", "a", "1"),
        running(path, "append", "b", "2"),
        running(path, "consume"),
    ):
        time.sleep(1.5)
    assert_totals_are_right(path)
    acknowledged = output_lines(path, "append")
    lines = output_lines(path, "consume")
    commits = [line for line in lines if line.startswith("committed ")]
    assert len(commits) >= 10
    assert sum(name.startswith("a-") for name in acknowledged) >= 100
    assert sum(name.startswith("b-") for name in acknowledged) >= 100
