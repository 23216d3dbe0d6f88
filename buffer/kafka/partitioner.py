"""Which partition the next record goes to."""

from __future__ import annotations

import random
from collections.abc import Sequence


class StickyPartitioner:
    """
    Fills one batch after another instead of a bit of each: requests are small, and a batch for each
    of them would cost the brokers and the workers more than the spans do (KIP-480, KIP-794).

    Records need no key: their order does not matter to the store.
    """

    def __init__(self, *, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._partition: int | None = None

    def count(self, size: int) -> None:
        """Say how large the record is that comes next."""
        self._bytes += size
        if self._bytes > self._bytes_max:
            self.leave()
            self._bytes = size

    def leave(self) -> None:
        """Go on in another partition."""
        self._bytes = 0
        self._partition = None

    def __call__(
        self, _key: bytes | None, all_partitions: Sequence[int], available: Sequence[int]
    ) -> int:
        """Return the partition, one that has a leader if there is any."""
        choices = available or all_partitions
        if self._partition is None or self._partition not in choices:
            self._partition = random.choice(choices)  # noqa: S311 - to spread, not to hide
        return self._partition
