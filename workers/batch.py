"""A batch: the records that become one insert, and what is learnt about them on the way."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from buffer.port import ConsumedRecord, Offset, Partition
from schemas.envelope import Envelope


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A record whose envelope could be read."""

    consumed: ConsumedRecord
    envelope: Envelope


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A record that goes to the dead letters, and why: `reason` is one word, `error` says all."""

    consumed: ConsumedRecord
    reason: str
    error: str


def batch_prefix(time_ns: int) -> str:
    """
    Return how the ids of batches of that moment begin. Ids grow with time, so that looking one up
    touches the newest rows only, and "all batches since" is a range.
    """
    return f"{time_ns:016x}"


@dataclass(slots=True, kw_only=True)
class Batch:
    """
    Records on their way through the worker.

    `id` names this attempt and nothing else: a repeated record gets into another batch, and is an
    equal row there.
    """

    id: str
    consumed: Sequence[ConsumedRecord]
    rows: list[Row] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)
    unreadable: list[Unreadable] = field(default_factory=list)

    @classmethod
    def of(cls, records: Sequence[ConsumedRecord]) -> Self:
        """Return a new batch of `records`; one without a readable envelope is set aside."""
        batch_id = f"{batch_prefix(time.time_ns())}-{secrets.token_hex(4)}"
        batch = cls(id=batch_id, consumed=records)
        for consumed in records:
            try:
                envelope = Envelope.from_headers(consumed.record.headers)
            except ValueError as error:
                batch.set_aside(consumed, reason="envelope", error=str(error))
            else:
                batch.rows.append(Row(consumed=consumed, envelope=envelope))
        return batch

    def set_aside(self, consumed: ConsumedRecord, *, reason: str, error: str) -> None:
        """Mark a record for the dead letters, once."""
        if consumed.coordinates not in self._dead:
            self.unreadable.append(Unreadable(consumed=consumed, reason=reason, error=error))

    @property
    def value_bytes(self) -> int:
        """How many bytes of OTLP the batch holds."""
        return sum(len(row.consumed.record.value) for row in self.rows)

    @property
    def spans(self) -> int:
        """How many spans the batch holds, as ingest counted them; those set aside not included."""
        dead = self._dead
        return sum(r.envelope.spans for r in self.rows if r.consumed.coordinates not in dead)

    @property
    def _dead(self) -> set[tuple[Partition, Offset]]:
        return {dead.consumed.coordinates for dead in self.unreadable}
