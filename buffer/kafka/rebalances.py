"""What happens while the group of workers shares out its partitions anew."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress

from aiokafka import ConsumerRebalanceListener, TopicPartition

from runtime import events

# All of the group waits with us.
_REVOKE_SECONDS_MAX = 10.0


class Rebalances(ConsumerRebalanceListener):
    """
    Told by aiokafka before partitions are taken away and after they are given. All are taken each
    time (it knows no other protocol), so what is in hand gets a while to be committed; what is not
    committed by then is given up, and done again by whoever has the partition next.
    """

    def __init__(
        self, topic: str, *, is_work_in_hand: Callable[[], bool], release: Callable[[], None]
    ) -> None:
        self._topic = topic
        self._is_work_in_hand = is_work_in_hand
        self._release = release
        self._over = asyncio.Event()
        self._progress = asyncio.Event()
        self._ended = False
        self.count = 0
        self.is_checked = False  # whether what was given is all that there is to give

    @property
    def is_over(self) -> bool:
        """Whether the partitions are given, and stay."""
        return self._over.is_set()

    async def wait(self, seconds_max: float) -> bool:
        """Return whether the partitions are given, after a while if need be."""
        if not self.is_over:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._over.wait(), seconds_max)
        return self.is_over

    def go_on(self) -> None:
        """Say that some work in hand is over."""
        self._progress.set()

    def end(self) -> None:
        """Wait for nothing and release nothing any more: the client is given up."""
        self._ended = True
        self._over.clear()
        self._progress.set()

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Wait for what is in hand, within a bound, and let go of the partitions."""
        self._over.clear()
        self.count += 1
        self.is_checked = False
        with suppress(TimeoutError):
            async with asyncio.timeout(_REVOKE_SECONDS_MAX):
                while revoked and not self._ended and self._is_work_in_hand():
                    self._progress.clear()
                    await self._progress.wait()
        if not self._ended:
            self._release()

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Let the consumer go on."""
        if not self._ended:
            partitions = sorted(place.partition for place in assigned)
            events.partitions_assigned(self._topic, partitions)
            self._over.set()
