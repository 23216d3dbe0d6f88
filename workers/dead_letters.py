"""
The dead letters: a log of its own for records that the store cannot read, kept whole, with their
headers, their coordinates and the reason, so that they can be looked at and replayed.

It is for a few. Where many records cannot be read something else is wrong, and the worker would
rather stop than put everything there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from buffer.port import Offset, Partition, Producer, Record
from runtime import events
from runtime.errors import DeadLettersFull
from schemas.dead_letter import DeadLetter
from workers.batch import Unreadable


class DeadLetters:
    """The writing end of the dead letters: at most `letters_max` wait there."""

    def __init__(self, producer: Producer, *, topic: str, letters_max: int) -> None:
        """`topic` is the name of the log that the records come from."""
        self._producer = producer
        self._topic = topic
        self._letters_max = letters_max
        # One batch at a time, or two would share the same room.
        self._keeping = asyncio.Lock()
        # Of the batches that are not through yet: what is kept, and what found no room.
        self._kept: set[tuple[Partition, Offset]] = set()
        self._refused: set[tuple[Partition, Offset]] = set()

    async def keep(self, unreadable: Sequence[Unreadable]) -> None:
        """
        Return once all are kept durably. Another try goes on where the last one ended. A record
        kept twice after a crash is two dead letters with the same id.

        Raises:
            DeadLettersFull: worth another try once somebody has made room.
            BufferUnavailable: worth another try.
        """
        if not unreadable:
            return
        async with self._keeping:
            waiting = await self._count()
            for dead in unreadable:
                coordinates = dead.consumed.coordinates
                if coordinates in self._kept:
                    continue
                if waiting >= self._letters_max:
                    self._refused.add(coordinates)
                    raise self._full(waiting)
                await self._append(dead)
                waiting += 1
                events.dead_letters_measured(letters=waiting)
                self._kept.add(coordinates)
                self._refused.discard(coordinates)
            self._kept -= {dead.consumed.coordinates for dead in unreadable}

    async def check(self) -> None:
        """
        Return unless a record waits for room among the dead letters.

        Raises:
            DeadLettersFull: one does; the message says what to do.
            BufferUnavailable: the log cannot be asked right now.
        """
        waiting = await self._count()
        if self._refused and waiting >= self._letters_max:
            raise self._full(waiting)

    async def _count(self) -> int:
        letters = (await self._producer.backlog()).records
        events.dead_letters_measured(letters=letters)
        return letters

    def _full(self, waiting: int) -> DeadLettersFull:
        return DeadLettersFull(
            f"{waiting} dead letters wait, and worker.dead_letters_max is {self._letters_max}. No"
            " records are taken until there is room: see 'sessiontrail dead-letters list', then"
            " replay or drop them, or raise worker.dead_letters_max"
        )

    async def _append(self, dead: Unreadable) -> None:
        consumed = dead.consumed
        letter = DeadLetter(
            reason=dead.reason,
            error=dead.error,
            topic=self._topic,
            partition=consumed.partition,
            offset=consumed.offset,
            dead_ns=time.time_ns(),
        )
        headers = letter.to_headers(consumed.record.headers)
        await self._producer.append(Record(value=consumed.record.value, headers=headers))
        events.record_dead_lettered(letter=letter.id, reason=dead.reason)
