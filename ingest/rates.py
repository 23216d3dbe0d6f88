"""How many bytes a second each project may send, on average: a token bucket for each."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

# What a project did not send so far back, it may send at once.
_BURST_SECONDS = 10.0


@dataclass(slots=True)
class _Bucket:
    bytes: float
    at: float


class Rates:
    """
    The rates of all projects. A request is let in while there is anything in the bucket, and may
    overdraw it: so the largest gets in as well, and what came too much is waited for afterwards.
    """

    def __init__(
        self,
        everyone: int | None,
        projects: Mapping[str, int | None],
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """`everyone` holds for projects that `projects` does not name; None is without a limit."""
        self._everyone = everyone
        self._projects = projects
        self._now = now
        self._buckets: dict[str, _Bucket] = {}  # at most one for each project that has a key

    def wait_seconds(self, project: str) -> int:
        """Return in how many seconds the project may send again, 0 if it may now."""
        rate = self._projects.get(project, self._everyone)
        if rate is None:
            return 0
        return math.ceil(max(0.0, -self._filled(project, rate).bytes) / rate)

    def charge(self, project: str, size: int) -> None:
        """Take bytes out of the project's bucket."""
        rate = self._projects.get(project, self._everyone)
        if rate is not None:
            self._filled(project, rate).bytes -= size

    def _filled(self, project: str, rate: int) -> _Bucket:
        now, full = self._now(), rate * _BURST_SECONDS
        bucket = self._buckets.setdefault(project, _Bucket(full, now))
        bucket.bytes = min(full, bucket.bytes + rate * (now - bucket.at))
        bucket.at = now
        return bucket
