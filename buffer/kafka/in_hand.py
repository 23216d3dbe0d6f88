"""
What a consumer has handed over and not yet been told to be done: no network, and no clock.

A partition is *placed* when the consumer knows where to go on in it, and placed anew after each
rebalance and wherever its log was cut off or created again. The same offset may then name another
record. So a commit counts only for what was handed over since the partition was placed last; who
comes late is not believed, and its records are done again, which the store does not mind.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from buffer.port import ConsumedRecord, Offset, Partition


@dataclass(slots=True, kw_only=True)
class _Place:
    number: int
    committed: Offset
    is_lost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _HandedOver:
    place: int
    offset: Offset
    appended_at_ns: int


class InHand:
    """The partitions that are placed, and the records of theirs that are in hand."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._places: dict[Partition, _Place] = {}
        self._handed_over: dict[Partition, deque[_HandedOver]] = {}

    @property
    def committed(self) -> dict[Partition, Offset]:
        """The partitions that are placed, and up to where each is done with."""
        return {p: place.committed for p, place in self._places.items() if not place.is_lost}

    @property
    def oldest_ns(self) -> int | None:
        """When the oldest record in hand was appended (Unix nanoseconds); None if none is."""
        oldest = []
        for partition, queue in self._handed_over.items():
            current = (e.appended_at_ns for e in queue if self._is_current(partition, e))
            oldest += list(itertools.islice(current, 1))
        return min(oldest, default=None)

    def place(self, partition: Partition, *, committed: Offset) -> None:
        """Take a partition on, which is done with up to `committed`."""
        self._places[partition] = _Place(number=next(self._numbers), committed=committed)

    def displace(self, partition: Partition) -> None:
        """Let go of a partition. What is in hand of it is not believed any more."""
        if partition in self._places:
            self._places[partition].is_lost = True

    def hand_over(self, record: ConsumedRecord) -> None:
        """Note that a record is given away. Its partition is placed, or was when it was read."""
        self._handed_over.setdefault(record.partition, deque()).append(
            _HandedOver(
                place=self._places[record.partition].number,
                offset=record.offset,
                appended_at_ns=record.appended_at_ns,
            )
        )

    def to_commit(self, next_offsets: Mapping[Partition, Offset]) -> dict[Partition, Offset]:
        """Return what of a commit is to be believed, and is new."""
        believed = {}
        for partition, next_offset in next_offsets.items():
            done = self._done(partition, next_offset)
            if done and self._is_current(partition, done[-1]):
                believed[partition] = done[-1].offset + 1
        return believed

    def settle(self, next_offsets: Mapping[Partition, Offset]) -> None:
        """Take what a commit names out of hand, once it is made or was not believed."""
        for partition, next_offset in next_offsets.items():
            for entry in self._done(partition, next_offset):
                self._handed_over[partition].popleft()
                if self._is_current(partition, entry):
                    self._places[partition].committed = entry.offset + 1

    def _done(self, partition: Partition, next_offset: Offset) -> list[_HandedOver]:
        """Return what a commit is about. Commits come in the order of what was handed over."""
        queue = self._handed_over.get(partition)
        if not queue:
            return []
        place = queue[0].place
        return list(
            itertools.takewhile(lambda e: e.place == place and e.offset < next_offset, queue)
        )

    def _is_current(self, partition: Partition, entry: _HandedOver) -> bool:
        place = self._places.get(partition)
        return place is not None and not place.is_lost and place.number == entry.place
