"""
A process that appends to a log, or consumes it, until it is killed; it prints what was confirmed.

Usage: log_process.py append PATH NAME SEED | log_process.py consume PATH
"""

from __future__ import annotations

import asyncio
import itertools
import random
import sys
from pathlib import Path

from buffer.embedded import EmbeddedConsumer, EmbeddedProducer
from buffer.port import Record, next_offsets

TASKS = 32


async def append(path: Path, name: str, seed: int) -> None:
    """Append records of many sizes from many tasks; print the name of each that is acknowledged."""
    sizes = random.Random(seed)
    numbers = itertools.count()
    producer = await EmbeddedProducer.open(path, log_bytes_max=10**9)

    async def append_forever() -> None:
        for number in numbers:
            header = f"{name}-{number}"
            padding = bytes(sizes.choice([10, 5_000, 100_000]))
            await producer.append(Record(value=padding, headers={"name": header.encode()}))
            say(header)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(TASKS):
            tasks.create_task(append_forever())


async def consume(path: Path) -> None:
    """Consume and commit; print each record's name, and the next offset when it is committed."""
    consumer = await EmbeddedConsumer.open(path)
    while True:
        records = await consumer.consume(value_bytes_max=1_000_000, wait_seconds_max=0.05)
        for consumed in records:
            say(f"record {consumed.offset} {consumed.record.headers['name'].decode()}")
        if records:
            await consumer.commit(next_offsets(records))
            say(f"committed {records[-1].offset + 1}")


def say(line: str) -> None:
    """Print a line that is out when this returns, whatever kills the process after it."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    role, log_path, *rest = sys.argv[1:]
    if role == "append":
        asyncio.run(append(Path(log_path), rest[0], int(rest[1])))
    else:
        asyncio.run(consume(Path(log_path)))
