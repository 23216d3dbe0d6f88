"""
The port: what ingest and the workers may ask of a log, whichever log it is.

Every adapter passes the same suite, tests/contract/. The port holds only what Kafka and the
embedded log can both promise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

Partition = int
Offset = int


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One entry of the log: a request's bytes, and headers that say whose they are."""

    value: bytes
    headers: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsumedRecord:
    """A record with its coordinates. `appended_at_ns` is the log's own clock, Unix nanoseconds."""

    partition: Partition
    offset: Offset
    appended_at_ns: int
    record: Record

    @property
    def coordinates(self) -> tuple[Partition, Offset]:
        """What names the record in its log."""
        return self.partition, self.offset


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """
    What waits to be committed: how many records, about how many bytes, and how long the oldest one
    has waited (seconds), as far as the log knows.
    """

    records: int
    value_bytes: int
    oldest_seconds: float


class Producer(Protocol):
    """The writing end. Safe to use from many tasks at once."""

    @property
    def value_bytes_max(self) -> int:
        """The largest value that is to be appended. A larger request has to be split before."""

    async def append(self, record: Record) -> None:
        """
        Return once the log has the record durably: it survives the death of any process of ours.

        Raises:
            BufferFull: the log holds as much as it may.
            BufferUnavailable: the log did not confirm in time. It may have the record all the same.
        """

    async def check(self) -> None:
        """
        Return if the log would take a record now, as far as can be told without appending one.

        Raises:
            BufferUnavailable: it would not; the message says why, and what to do.
        """

    async def backlog(self) -> Backlog:
        """
        Return what the whole log holds that its consumers have not committed yet.

        Raises:
            BufferUnavailable: the log cannot be asked right now.
        """

    async def close(self) -> None:
        """Finish the appends under way, within a bound, and let go. May be called twice."""


class Consumer(Protocol):
    """
    The reading end: the records it owns, from the last commit on. One task may consume while
    another commits.
    """

    async def consume(
        self, *, value_bytes_max: int, wait_seconds_max: float
    ) -> Sequence[ConsumedRecord]:
        """
        Return the next records, in offset order for each partition, as soon as `value_bytes_max` of
        them are there or `wait_seconds_max` have passed; an empty sequence where none came. No more
        bytes than that are returned, but for a single record that is larger. A record is returned
        once, until the consumer is opened again or its partition has been another consumer's.

        Raises:
            BufferUnavailable: the log cannot be read right now.
        """

    async def commit(self, next_offsets: Mapping[Partition, Offset]) -> None:
        """
        Say that every record before `next_offsets` is done with. A new consumer starts there.
        Committing an offset that is behind the last commit changes nothing, nor does one of a
        partition that another consumer has by now: it does those records again.

        Raises:
            BufferUnavailable: the log did not confirm; the records may be given again.
        """

    async def backlog(self) -> Backlog:
        """
        Return what is not committed yet, of the partitions that are this consumer's.

        Raises:
            BufferUnavailable: the log cannot be read right now.
        """

    async def close(self) -> None:
        """Let go of the records not committed; the next consumer gets them. May be called twice."""


def next_offsets(records: Sequence[ConsumedRecord]) -> dict[Partition, Offset]:
    """Return, for each partition among `records`, what to commit once they are all done with."""
    offsets: dict[Partition, Offset] = {}
    for consumed in records:
        offsets[consumed.partition] = max(offsets.get(consumed.partition, 0), consumed.offset + 1)
    return offsets
