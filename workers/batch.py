"""A batch: the records that become one insert, and what is learnt about them on the way."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from buffer.port import ConsumedRecord, Offset, Partition
from runtime.errors import InvalidRequest
from schemas.envelope import Envelope
from schemas.otlp.signals import Signal
from schemas.otlp.traces import TRACES
from schemas.resolving import new_batch
from workers import foreign


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A record that could be read, and the OTLP to insert for it."""

    consumed: ConsumedRecord
    envelope: Envelope
    value: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    """A record that goes to the dead letters, and why: `reason` is one word, `error` says all."""

    consumed: ConsumedRecord
    reason: str
    error: str


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
    _dead: set[tuple[Partition, Offset]] = field(default_factory=set)

    @classmethod
    def of(cls, records: Sequence[ConsumedRecord], signal: Signal = TRACES) -> Self:
        """
        Return a new batch of `records` of a signal; what cannot be read is set aside. With many
        foreign records this takes a while, and is better done beside the event loop.
        """
        batch = cls(id=new_batch(), consumed=records)
        for consumed in records:
            batch._take(consumed, signal)
        return batch

    def _take(self, consumed: ConsumedRecord, signal: Signal) -> None:
        try:
            if foreign.is_foreign(consumed):
                envelope, value = foreign.read(consumed, signal)
            else:
                envelope = Envelope.from_headers(consumed.record.headers)
                value = consumed.record.value
        except InvalidRequest as error:
            self.set_aside(consumed, reason="encoding", error=str(error))
        except ValueError as error:
            self.set_aside(consumed, reason="envelope", error=str(error))
        else:
            self.rows.append(Row(consumed=consumed, envelope=envelope, value=value))

    def set_aside(self, consumed: ConsumedRecord, *, reason: str, error: str) -> None:
        """Mark a record for the dead letters, once."""
        if consumed.coordinates not in self._dead:
            self._dead.add(consumed.coordinates)
            self.unreadable.append(Unreadable(consumed=consumed, reason=reason, error=error))

    @property
    def value_bytes(self) -> int:
        """How many bytes of OTLP the batch holds."""
        return sum(len(row.value) for row in self.rows)

    @property
    def items(self) -> int:
        """How many spans or log records the batch holds; those set aside not included."""
        dead = self._dead
        return sum(r.envelope.spans for r in self.rows if r.consumed.coordinates not in dead)
