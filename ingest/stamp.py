"""The receive time that becomes a span's version."""

from __future__ import annotations

import time
from collections.abc import Callable


class Stamp:
    """A clock that never says the same time twice, nor an earlier one: later requests are newer."""

    def __init__(self, time_ns: Callable[[], int] = time.time_ns) -> None:
        self._time_ns = time_ns
        self._last = 0

    def next_ns(self) -> int:
        """Return now, in Unix nanoseconds, or a little later where the clock stood or went back."""
        self._last = max(self._time_ns(), self._last + 1)
        return self._last
