"""
The label of a letter about what ingest refused for good: a dead letter whose record never was.

Its value is the beginning of a request of one of the refused items, or of the refused request.
"""

from __future__ import annotations

from dataclasses import dataclass

from runtime.signals import SignalName
from schemas.dead_letter import ERROR, ERROR_BYTES_MAX, REASON, TIME, TOPIC
from schemas.envelope import PROJECT, SPANS


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedLetter:
    """
    Whose items were refused, why (one word, and all that is to be said), how many in how many
    requests, and when that was written down (Unix nanoseconds). No items: whole requests were.
    """

    project: str
    signal: SignalName
    reason: str
    text: str
    items: int
    requests: int
    written_ns: int

    def to_headers(self) -> dict[str, bytes]:
        """
        Return the headers that say so. There is no place that the letter came from: its signal
        stands for the log, and the rest is where it is found.
        """
        requests = f"{self.requests} request{'' if self.requests == 1 else 's'}"
        headers = {
            PROJECT: self.project.encode(),
            REASON: self.reason.encode(),
            ERROR: f"{requests}: {self.text}".encode()[:ERROR_BYTES_MAX],
            TOPIC: self.signal.encode(),
            TIME: str(self.written_ns).encode(),
        }
        return {**headers, SPANS: str(self.items).encode()} if self.items else headers
