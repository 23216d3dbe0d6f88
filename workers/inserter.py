"""
The insert: one statement for a whole batch, and the search for the record that spoils it.

Valid protobuf is not always readable by the engine: two members of one oneof on the wire, or a
known field with another wire type, make it refuse the whole insert. Canonical senders pay nothing
for what happens then.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

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
        if not rows:
            return
        records = [(row.envelope, row.value) for row in rows]
        try:
            await self._write(records, batch)
        except (UnreadableRecords, StoreOutOfMemory) as error:
            if len(rows) > 1:
                half = len(rows) // 2
                await self._insert(batch, rows[:half])
                await self._insert(batch, rows[half:])
            elif isinstance(error, StoreOutOfMemory):
                raise
            else:
                await self._insert_suspect(batch, rows[0])

    async def _insert_suspect(self, batch: Batch, row: Row) -> None:
        """Try a record that was refused once more in canonical form, else set it aside."""
        # Were the statement itself at fault, it would be refused without any record too; that
        # error is for somebody to mend, and no record may pay for it.
        await self._write([], batch)
        try:
            value = _canonical(row.value, self._signal)
            await self._write([(row.envelope, value)], batch)
        except DecodeError as error:
            batch.set_aside(row.consumed, reason="protobuf", error=str(error))
        except UnreadableRecords as error:
            batch.set_aside(row.consumed, reason="engine", error=str(error))

    async def _write(self, records: Sequence[tuple[Envelope, bytes]], batch: Batch) -> None:
        # Joining tens of megabytes takes milliseconds in which health checks should be answered.
        body = await asyncio.to_thread(frame, records, batch=batch.id)
        name = self._signal.name
        await self._store.execute(
            INSERT[name], self._parameters, body=body, settings=INSERT_SETTINGS[name]
        )


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
