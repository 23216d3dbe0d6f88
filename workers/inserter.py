"""
The insert: one statement for a whole batch, and what is done where a record spoils it.

Valid protobuf is not always readable by the engine: two members of one oneof on the wire, or a
known field with another wire type, make it refuse the whole insert. The batch is then written anew
as the engine reads it, all of it at once: a sender of such records sends many, and to search for
each by halves would take a dozen statements. Only what is refused even so is searched for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

from google.protobuf.message import DecodeError

from runtime.config import SessionsConfig, TimesConfig
from runtime.errors import PipelineError, StoreOutOfMemory, UnreadableRecords
from schemas import migrate
from schemas.envelope import Envelope
from schemas.landing import INSERT_SETTINGS, frame
from schemas.otlp.signals import Signal
from schemas.otlp.traces import TRACES
from schemas.prices.table import Prices
from schemas.statements import INSERT
from store.client import Store
from workers.batch import Batch, Row

_DAY_NS = 86_400 * 10**9


class Inserter:
    """Writes batches of a signal to its table, once the store is known to have all it must."""

    def __init__(
        self,
        store: Store,
        signal: Signal = TRACES,
        *,
        sessions: SessionsConfig,
        times: TimesConfig,
    ) -> None:
        self._store = store
        self._signal = signal
        self._prices = Prices(store) if signal.name == "traces" else None
        self._parameters = {
            "session_keys": list(sessions.keys),
            "past_ns_max": int(times.past_days_max * _DAY_NS),
            "future_ns_max": int(times.future_days_max * _DAY_NS),
        }
        self._store_is_checked = False

    async def insert(self, batch: Batch) -> None:
        """
        Store what is in the batch. Records that the engine cannot read are set aside in the batch.

        Raises:
            RetryableError, StoreRefused: nothing is known to be wrong with the records. Some of
                them may be stored.
        """
        try:
            if not self._store_is_checked:
                # A missing view would lose rows in silence, so the store is looked at again after
                # every trouble: it may be another one by now.
                await migrate.check(self._store)
                self._store_is_checked = True
            await self._insert(batch, batch.rows)
            if self._prices and await self._prices.learn(batch.id):
                # Models that nobody had seen: the same spans once more, with their costs.
                await self._insert(batch, batch.rows)
        except PipelineError:
            self._store_is_checked = False
            raise

    async def _insert(self, batch: Batch, rows: Sequence[Row]) -> None:
        """Store rows; all of them in canonical form, if the engine cannot read one as it is."""
        try:
            await self._insert_in_parts(batch, rows)
        except UnreadableRecords:
            # Were the statement itself at fault, it would be refused without any record too; that
            # error is for somebody to mend, and no record may pay for it.
            await self._write([], batch)
            canonical = await asyncio.to_thread(self._canonical, batch, rows)
            await self._insert_canonical(batch, canonical)

    async def _insert_canonical(self, batch: Batch, rows: Sequence[Row]) -> None:
        """Store rows in canonical form; those that are refused even so are set aside."""
        try:
            await self._insert_in_parts(batch, rows)
        except UnreadableRecords as error:
            if len(rows) == 1:
                batch.set_aside(rows[0].consumed, reason="engine", error=str(error))
                return
            for part in _halves(rows):
                await self._insert_canonical(batch, part)

    async def _insert_in_parts(self, batch: Batch, rows: Sequence[Row]) -> None:
        """Store rows in as many statements as the engine's memory asks for."""
        if not rows:
            return
        try:
            await self._write([(row.envelope, row.value) for row in rows], batch)
        except StoreOutOfMemory:
            if len(rows) == 1:
                raise
            for part in _halves(rows):
                await self._insert_in_parts(batch, part)

    def _canonical(self, batch: Batch, rows: Sequence[Row]) -> Sequence[Row]:
        """Return rows in canonical form; those that have none are set aside."""
        canonical = []
        for row in rows:
            try:
                canonical.append(replace(row, value=_canonical(row.value, self._signal)))
            except DecodeError as error:
                batch.set_aside(row.consumed, reason="protobuf", error=str(error))
        return canonical

    async def _write(self, records: Sequence[tuple[Envelope, bytes]], batch: Batch) -> None:
        # Joining tens of megabytes takes milliseconds in which health checks should be answered.
        body = await asyncio.to_thread(frame, records, batch=batch.id)
        name = self._signal.name
        await self._store.execute(
            INSERT[name], self._parameters, body=body, settings=INSERT_SETTINGS[name]
        )


def _halves(rows: Sequence[Row]) -> tuple[Sequence[Row], Sequence[Row]]:
    half = len(rows) // 2
    return rows[:half], rows[half:]


def _canonical(value: bytes, signal: Signal) -> bytes:
    """
    Return the same request as this protobuf library writes it: of a oneof the last member, no
    unknown fields.

    Raises:
        DecodeError: it is no such request.
    """
    request = signal.request.FromString(value)
    request.DiscardUnknownFields()
    canonical: bytes = request.SerializeToString()
    return canonical
