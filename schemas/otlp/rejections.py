"""
What was wrong with the spans that were left out: counted by reason, and told to their sender.

OTLP says (Full Success, Partial Success): the message is for people, in English, and says how to
fix things.
"""

from __future__ import annotations

# What a span had, by the short reason that is also a metric's label.
_REASONS = {
    "trace_id": "with a trace_id that is not 16 bytes (32 hex digits in JSON) or all zero",
    "span_id": "with a span_id that is not 8 bytes (16 hex digits in JSON) or all zero",
    "parent_span_id": "with a parent_span_id that is neither empty nor 8 bytes (16 hex digits)",
    "json": "with a value that its field cannot hold",
    "too_large": "larger, with its resource and scope, than a record may be: shorten its values, "
    "or raise buffer.kafka.max_message_bytes",
}
_MESSAGE_BYTES_MAX = 1024
_TEXT_CHARACTERS_MAX = 48


class Rejections:
    """The spans of one request that were left out."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self._examples: dict[str, str] = {}

    @property
    def total(self) -> int:
        """How many spans were left out."""
        return sum(self.counts.values())

    def add(self, reason: str, *, name: str, found: str) -> None:
        """Leave out a span that calls itself `name`, for what was `found` in it."""
        self.counts[reason] = self.counts.get(reason, 0) + 1
        if reason not in self._examples:
            self._examples[reason] = f"span '{_short(name)}': {_short(found)}"

    def message(self, *, received: int) -> str:
        """Say what was left out of how many, why, and what to do."""
        reasons = "; ".join(
            f"{count} {_REASONS[reason]} (such as {self._examples[reason]})"
            for reason, count in self.counts.items()
        )
        text = (
            f"{self.total} of {received} spans rejected: {reasons}. "
            "Correct what makes these spans; all others are accepted."
        )
        return text.encode()[:_MESSAGE_BYTES_MAX].decode(errors="ignore")


def _short(text: str) -> str:
    return text if len(text) <= _TEXT_CHARACTERS_MAX else text[: _TEXT_CHARACTERS_MAX - 1] + "…"
