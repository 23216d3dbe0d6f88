"""
The dead letters as an operator handles them: found, replayed, dropped. Through the port alone,
whichever log it is. What ingest rejected is found and dropped in the same way, in a log of its own.

A log gives its records in order and forgets them in order, so taking some letters out means to
append the others anew before their old place is committed. A crash in between leaves letters twice,
with the same id, and never loses one.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from typing import Literal, ParamSpec, TypeVar

from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_delay, wait_fixed

from buffer.port import ConsumedRecord, Consumer, Offset, Partition, Record, next_offsets
from cli.buffers import LOGS, Log, name_of, open_consumer, open_producer
from runtime.config import Config
from runtime.errors import BufferUnavailable, NoSuchDeadLetter
from schemas.dead_letter import OFFSET, PARTITION, DeadLetter, original_headers

_CHUNK_BYTES = 16 * 2**20
_CHUNK_SECONDS = 0.2
# A consumer of Kafka may have to wait for one that died before it.
_SILENCE_SECONDS_MAX = 30.0
_UNAVAILABLE_SECONDS_MAX = 10.0

Kind = Literal["dead_letters", "rejected"]

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A dead letter: its label, and the record as it was."""

    label: DeadLetter
    record: Record

    def as_record(self) -> Record:
        """Return what the log of the dead letters holds of it."""
        return Record(value=self.record.value, headers=self.label.to_headers(self.record.headers))


@dataclass(slots=True, kw_only=True)
class Waiting:
    """What waited at the time of a look: how many records, and where each partition ended."""

    labels: dict[str, DeadLetter] = field(default_factory=dict)
    records: int = 0
    ends: dict[Partition, Offset] = field(default_factory=dict)

    def require(self, ids: frozenset[str]) -> None:
        """
        Return if all of these letters wait.

        Raises:
            NoSuchDeadLetter: one does not.
        """
        if missing := sorted(ids - self.labels.keys()):
            raise NoSuchDeadLetter(_missing(*missing))


async def letters(
    config: Config, kind: Kind = "dead_letters", waiting: Waiting | None = None
) -> AsyncGenerator[Letter]:
    """
    Yield every letter of a kind that waits, once, and note in `waiting` what was seen.

    Raises:
        ConfigError: another command has the embedded log's one place for a consumer.
        BufferUnavailable: the log cannot be read, or not to its end.
    """
    waiting = waiting or Waiting()
    async with AsyncExitStack() as opened:
        producer = await open_producer(config, kind)
        opened.push_async_callback(producer.close)
        consumer = await open_consumer(config, kind)
        opened.push_async_callback(consumer.close)
        while waiting.records < (await _patiently(producer.backlog)).records:
            records = await _consume(consumer)
            waiting.records += len(records)
            waiting.ends |= next_offsets(records)
            for consumed in records:
                letter = _read(config, kind, consumed)
                if letter.label.id not in waiting.labels:
                    waiting.labels[letter.label.id] = letter.label
                    yield letter


async def find(config: Config, letter_id: str, kind: Kind = "dead_letters") -> Letter:
    """
    Return a letter of a kind.

    Raises:
        NoSuchDeadLetter: it does not wait.
        ConfigError, BufferUnavailable: as letters() does.
    """
    async with aclosing(letters(config, kind)) as waiting:
        async for letter in waiting:
            if letter.label.id == letter_id:
                return letter
    raise NoSuchDeadLetter(_missing(letter_id))


async def look(config: Config, kind: Kind = "dead_letters") -> Waiting:
    """Return what waits. Raises what letters() does."""
    waiting = Waiting()
    async for _ in letters(config, kind, waiting):
        pass
    return waiting


async def take_out(
    config: Config,
    waiting: Waiting,
    ids: frozenset[str],
    *,
    to: Literal["their logs", "nowhere"],
    kind: Kind = "dead_letters",
) -> None:
    """
    Take letters out of those that waited, and append their records to the logs that they came from,
    or nowhere.

    Raises:
        ConfigError: another command has the embedded log's one place for a consumer.
        BufferUnavailable: a log cannot be read or written. What was taken out by then stays so.
    """
    async with AsyncExitStack() as opened:
        logs = {}
        for log in LOGS.values():
            logs[log] = await open_producer(config, log)
            opened.push_async_callback(logs[log].close)
        kept = await open_producer(config, kind)
        opened.push_async_callback(kept.close)
        consumer = await open_consumer(config, kind)
        opened.push_async_callback(consumer.close)
        done: set[str] = set()
        left = waiting.records
        while left > 0:
            # What came behind stays: that is where the letters that are kept go, and those that
            # the worker finds unreadable once more.
            records = [
                consumed
                for consumed in await _consume(consumer)
                if consumed.offset < waiting.ends.get(consumed.partition, 0)
            ]
            for consumed in records:
                letter = _read(config, kind, consumed)
                if letter.label.id in done:
                    continue
                if letter.label.id not in ids:
                    await _patiently(kept.append, letter.as_record())
                elif to == "their logs":
                    log = home_of(config, letter.label)
                    await _patiently(logs[log].append, letter.record)
                done.add(letter.label.id)
            await _patiently(consumer.commit, next_offsets(records))
            left -= len(records)


def home_of(config: Config, label: DeadLetter) -> Log:
    """Return the log that a letter came from; that of the spans has had other names maybe."""
    if label.topic == name_of(config, "spans"):
        return "spans"
    # What ingest rejected has come from none, and tells its signal instead.
    return "logs" if label.topic in {name_of(config, "logs"), "logs"} else "spans"


async def _consume(consumer: Consumer) -> list[ConsumedRecord]:
    """Return the next records of a log in which some wait."""
    deadline = time.monotonic() + _SILENCE_SECONDS_MAX
    while time.monotonic() < deadline:
        records = await _patiently(
            consumer.consume, value_bytes_max=_CHUNK_BYTES, wait_seconds_max=_CHUNK_SECONDS
        )
        if records:
            return list(records)
    raise BufferUnavailable(
        f"Dead letters wait, but within {_SILENCE_SECONDS_MAX:.0f} s none came. Does another"
        " 'sessiontrail dead-letters' run? Try again once it has ended"
    )


async def _patiently(call: Callable[P, Awaitable[T]], *arguments: P.args, **named: P.kwargs) -> T:
    """Return what the log answers: Kafka is still being looked for when its ends are open."""
    retrying = AsyncRetrying(
        retry=retry_if_exception_type(BufferUnavailable),
        stop=stop_after_delay(_UNAVAILABLE_SECONDS_MAX),
        wait=wait_fixed(0.2),
        reraise=True,
    )
    return await retrying(call, *arguments, **named)


def _read(config: Config, kind: Kind, consumed: ConsumedRecord) -> Letter:
    found_at = {PARTITION: consumed.partition, OFFSET: consumed.offset}
    own = {name: str(value).encode() for name, value in found_at.items()}
    headers = {**(own if kind == "rejected" else {}), **consumed.record.headers}
    try:
        label = DeadLetter.from_headers(headers)
    except ValueError as error:
        # Not one of ours: from here on it is named by where it was found.
        label = DeadLetter(
            reason="foreign",
            error=f"the log of the dead letters has a record that is none: {error}",
            topic=name_of(config, kind),
            partition=consumed.partition,
            offset=consumed.offset,
            dead_ns=consumed.appended_at_ns,
        )
    record = Record(value=consumed.record.value, headers=original_headers(headers))
    return Letter(label=label, record=record)


def _missing(*ids: str) -> str:
    return (
        f"No dead letter is called {', '.join(ids)}; nothing was done. See 'sessiontrail"
        " dead-letters list'"
    )
