"""
The dead letters: a log of its own for records that the store cannot read, kept whole, with their
headers, their coordinates and the reason, so that they can be looked at and replayed.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from buffer.port import Producer, Record
from runtime import events
from workers.batch import Unreadable

REASON = "sessiontrail-dead-reason"
ERROR = "sessiontrail-dead-error"
PARTITION = "sessiontrail-dead-partition"
OFFSET = "sessiontrail-dead-offset"
TIME = "sessiontrail-dead-unix-nano"

_ERROR_BYTES_MAX = 2048


class DeadLetters:
    """The writing end of the dead letters."""

    def __init__(self, producer: Producer) -> None:
        self._producer = producer

    async def keep(self, unreadable: Sequence[Unreadable]) -> None:
        """
        Return once all are kept durably. A record kept twice after a crash is two dead letters with
        the same coordinates.

        Raises:
            BufferUnavailable: worth another try.
        """
        for dead in unreadable:
            headers = {
                **dead.consumed.record.headers,
                REASON: dead.reason.encode(),
                ERROR: dead.error.encode()[:_ERROR_BYTES_MAX],
                PARTITION: str(dead.consumed.partition).encode(),
                OFFSET: str(dead.consumed.offset).encode(),
                TIME: str(time.time_ns()).encode(),
            }
            await self._producer.append(Record(value=dead.consumed.record.value, headers=headers))
            events.record_dead_lettered(
                partition=dead.consumed.partition, offset=dead.consumed.offset, reason=dead.reason
            )
