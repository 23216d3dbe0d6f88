"""The publishing: from a validated request to one record in the buffer, or to several."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace

from buffer.port import Producer, Record
from ingest.splitting import Part, split
from runtime.errors import BufferUnavailable
from schemas.envelope import Envelope
from schemas.otlp.signals import Signal
from schemas.otlp.validation import Validated

# So many parts of one request are on their way to the buffer at once.
_PARTS_MAX = 4


class Publisher:
    """Puts requests into the buffer, each within so many seconds."""

    def __init__(self, producer: Producer, *, seconds_max: float) -> None:
        self._producer = producer
        self._seconds_max = seconds_max

    async def publish(
        self, validated: Validated, signal: Signal, *, project: str, received_ns: int
    ) -> Validated:
        """
        Return what the buffer has durably: all that was validated, but for items that are too large
        for a record of their own.

        Raises:
            BufferUnavailable: the buffer did not take it, or not in time. It may have some of it:
                sent again, that is counted once all the same.
        """

        async def append(part: Part) -> None:
            envelope = Envelope(project=project, received_ns=received_ns, spans=part.items)
            await self._producer.append(Record(value=part.body, headers=envelope.to_headers()))

        body, bytes_max = validated.body, self._producer.value_bytes_max
        try:
            async with asyncio.timeout(self._seconds_max):
                if len(body) <= bytes_max:
                    await append(Part(body, validated.published))
                    return validated
                parts = split(body, signal, bytes_max=bytes_max, rejections=validated.rejections)
                return replace(validated, published=await _append_all(parts, append))
        except TimeoutError as error:
            raise BufferUnavailable(
                f"the buffer did not confirm within {self._seconds_max:g} s "
                "(ingest.publish_seconds_max): send the same request again later"
            ) from error


async def _append_all(parts: Iterator[Part], append: Callable[[Part], Awaitable[None]]) -> int:
    """Append a few parts at a time, each cut off beside the event loop. Return how many items."""
    cutting = asyncio.Lock()
    items = 0

    async def append_in_turn() -> None:
        nonlocal items
        while part := await cut():
            await append(part)
            items += part.items

    async def cut() -> Part | None:
        async with cutting:
            return await asyncio.to_thread(next, parts, None)

    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(_PARTS_MAX):
                tasks.create_task(append_in_turn())
    except ExceptionGroup as group:
        raise group.exceptions[0] from group
    return items
