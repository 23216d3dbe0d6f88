"""
What was refused for good, kept for the operator: an answer to "where are my spans?".

Senders are told at once, and seldom look. So for each project and reason a letter goes into a log
of its own, with how many items it is about, why, and the beginning of one of them. At most one in a
minute, beside the requests: none of them waits for it, and none fails by it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from buffer.port import Producer, Record
from runtime import events
from runtime.errors import BufferUnavailable, InvalidRequest
from runtime.signals import SignalName
from schemas.otlp.rejections import SAMPLE_BYTES_MAX, Rejections
from schemas.rejected_letter import RejectedLetter

# A project that sends nothing but invalid spans, for a day, makes 1,440 letters for each reason.
SECONDS_MIN = 60.0
_APPEND_SECONDS_MAX = 5.0

_Key = tuple[str, SignalName, str]  # project, signal, reason


@dataclass(slots=True)
class _Noted:
    """What was refused for one reason since the last letter: the first of it, and how much."""

    text: str
    sample: bytes
    items: int = 0
    requests: int = 0


class Rejected:
    """What the requests of a process were refused, until it is written down."""

    def __init__(self, producer: Producer) -> None:
        """`producer` is where the letters go."""
        self._producer = producer
        self._noted: dict[_Key, _Noted] = {}  # no more than projects times reasons
        self._is_noted = asyncio.Event()
        self._writing = asyncio.Lock()

    def note_items(self, rejections: Rejections, signal: SignalName, *, project: str) -> None:
        """Note the items that were left out of a request."""
        for rejected in rejections.by_reason():
            key = (project, signal, rejected.reason)
            self._note(key, rejected.text, rejected.sample, items=rejected.items)

    def note_request(
        self, error: InvalidRequest, body: bytes, signal: SignalName, *, project: str
    ) -> None:
        """Note a request that could not be read at all: nobody knows how many items it has."""
        self._note((project, signal, "request"), str(error), body)

    def _note(self, key: _Key, text: str, sample: bytes, *, items: int = 0) -> None:
        noted = self._noted.get(key)
        if noted is None:
            noted = self._noted[key] = _Noted(text, sample[:SAMPLE_BYTES_MAX])
        noted.items += items
        noted.requests += 1
        self._is_noted.set()

    @asynccontextmanager
    async def written(self) -> AsyncIterator[None]:
        """Write letters for as long as the context lasts, and what is noted by its end."""
        writing = asyncio.create_task(self._write_in_turn(), name="rejected")
        try:
            yield
        finally:
            async with self._writing:  # not amid a letter, which would be written twice
                writing.cancel()
            await asyncio.wait({writing})
            await self._write()

    async def _write_in_turn(self) -> None:
        while True:
            await self._is_noted.wait()
            await self._write()
            await asyncio.sleep(SECONDS_MIN)

    async def _write(self) -> None:
        self._is_noted.clear()
        try:
            async with self._writing, asyncio.timeout(_APPEND_SECONDS_MAX):
                for key in tuple(self._noted):
                    await self._append(key)
        except (BufferUnavailable, TimeoutError) as error:
            events.rejected_letters_wait(error=str(error) or "no answer in time")

    async def _append(self, key: _Key) -> None:
        noted = self._noted.pop(key)
        try:
            await self._producer.append(_letter(*key, noted))
        except BaseException:
            # For the next time, with what was noted meanwhile.
            if newer := self._noted.get(key):
                noted.items += newer.items
                noted.requests += newer.requests
            self._noted[key] = noted
            self._is_noted.set()
            raise


def _letter(project: str, signal: SignalName, reason: str, noted: _Noted) -> Record:
    label = RejectedLetter(
        project=project,
        signal=signal,
        reason=reason,
        text=noted.text,
        items=noted.items,
        requests=noted.requests,
        written_ns=time.time_ns(),
    )
    return Record(value=noted.sample, headers=label.to_headers())
