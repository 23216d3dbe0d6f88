"""Records that were fetched and that no batch had room for yet."""

from __future__ import annotations

from collections import deque

from buffer.port import ConsumedRecord


class Waiting:
    """A queue that knows its bytes. Its bound is kept by who fills it."""

    def __init__(self) -> None:
        self._records: deque[ConsumedRecord] = deque()
        self._seen_records = self._seen_bytes = 0
        self.value_bytes = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing waits."""
        return not self._records

    @property
    def oldest_ns(self) -> int | None:
        """When the oldest record that waits was appended (Unix nanoseconds)."""
        return min((consumed.appended_at_ns for consumed in self._records), default=None)

    @property
    def mean_bytes(self) -> float:
        """How large the records were that have passed through."""
        return self._seen_bytes / self._seen_records if self._seen_records else 0.0

    def add(self, consumed: ConsumedRecord) -> None:
        """Put a record at the end."""
        size = len(consumed.record.value)
        self._records.append(consumed)
        self.value_bytes += size
        self._seen_records += 1
        self._seen_bytes += size

    def take(self, value_bytes_max: int) -> list[ConsumedRecord]:
        """Take the first records that fit, or the first one alone where it is larger."""
        taken: list[ConsumedRecord] = []
        room = value_bytes_max
        while self._records:
            size = len(self._records[0].record.value)
            if taken and size > room:
                break
            taken.append(self._records.popleft())
            self.value_bytes -= size
            room -= size
        return taken

    def clear(self) -> None:
        """Forget what waits: it will be fetched again."""
        self._records.clear()
        self.value_bytes = 0
