"""
How many bytes may be worked on at a time, so that answers come in time: found by trying, as TCP
does.

Memory alone is no bound for that: what a receiver holds is what the next request waits behind, and
exporters give up after 10 s. Answers that come late make the window smaller, others larger.
"""

from __future__ import annotations

import time
from collections.abc import Callable

# An answer is in time within that, and for each byte as long as large requests are known to take.
_SECONDS = 1.0
_BYTES_PER_SECOND = 16 * 2**20
_SHRINK = 0.7
_DOUBLE_SECONDS = 5.0
_BYTES_MIN = 8 * 2**20


class Window:
    """The window of one process. It begins as large as it may be."""

    def __init__(self, bytes_max: int, *, now: Callable[[], float] = time.monotonic) -> None:
        self.bytes = bytes_max
        self._bytes_max = bytes_max
        self._bytes_min = min(bytes_max, _BYTES_MIN)
        self._now = now
        self._shrunk_at = self._changed_at = now()

    def answered(self, size: int, *, seconds: float) -> None:
        """Learn from a request of so many bytes that took so long."""
        now = self._now()
        if seconds <= _SECONDS + size / _BYTES_PER_SECOND:
            passed = min(now - self._changed_at, _DOUBLE_SECONDS)
            self.bytes = min(self._bytes_max, int(self.bytes * 2 ** (passed / _DOUBLE_SECONDS)))
        elif now - self._shrunk_at >= _SECONDS:  # the rest were let in before that as well
            self.bytes = max(self._bytes_min, int(self.bytes * _SHRINK))
            self._shrunk_at = now
        else:
            return
        self._changed_at = now
