"""
The label of a dead letter: what its headers say beside those of the record that it keeps.

A dead letter is named by where its record came from, whatever happens to the log of the dead
letters: what was kept twice, or moved within that log, is the same letter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

REASON = "sessiontrail-dead-reason"
ERROR = "sessiontrail-dead-error"
TOPIC = "sessiontrail-dead-topic"
PARTITION = "sessiontrail-dead-partition"
OFFSET = "sessiontrail-dead-offset"
TIME = "sessiontrail-dead-unix-nano"

_OURS = frozenset({REASON, ERROR, TOPIC, PARTITION, OFFSET, TIME})
ERROR_BYTES_MAX = 2048


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """
    Why a record could not be stored, when that was (Unix nanoseconds), and where it came from:
    `reason` is one word, `error` says all, `topic` is the name of the log.
    """

    reason: str
    error: str
    topic: str
    partition: int
    offset: int
    dead_ns: int

    @property
    def id(self) -> str:
        """What names the letter, such as `otlp_spans:3:1042`."""
        return f"{self.topic}:{self.partition}:{self.offset}"

    def to_headers(self, original: Mapping[str, bytes]) -> dict[str, bytes]:
        """Return the headers of the letter: those of its record, and the label."""
        return {
            **original,
            REASON: self.reason.encode(),
            ERROR: self.error.encode()[:ERROR_BYTES_MAX],
            TOPIC: self.topic.encode(),
            PARTITION: str(self.partition).encode(),
            OFFSET: str(self.offset).encode(),
            TIME: str(self.dead_ns).encode(),
        }

    @classmethod
    def from_headers(cls, headers: Mapping[str, bytes]) -> DeadLetter:
        """
        Read the label.

        Raises:
            ValueError: a header is missing or makes no sense.
        """
        try:
            return cls(
                reason=headers[REASON].decode(),
                error=headers[ERROR].decode(errors="replace"),
                topic=headers[TOPIC].decode(),
                partition=int(headers[PARTITION].decode()),
                offset=int(headers[OFFSET].decode()),
                dead_ns=int(headers[TIME].decode()),
            )
        except KeyError as error:
            raise ValueError(f"the header {error} is missing") from error


def original_headers(headers: Mapping[str, bytes]) -> dict[str, bytes]:
    """Return the headers that the record had before it became a dead letter."""
    return {name: value for name, value in headers.items() if name not in _OURS}
