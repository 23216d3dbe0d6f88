"""
What was wrong with the items that were left out: counted by reason, and told to their sender.

OTLP says (Full Success, Partial Success): the message is for people, in English, and says how to
fix things.
"""

from __future__ import annotations

from collections.abc import Mapping

# What an item of any signal had, by the short reason that is also a metric's label.
_REASONS = {
    "json": "with a value that its field cannot hold",
    "too_large": "larger, with its resource and scope, than a record may be: shorten its values, "
    "or raise buffer.kafka.max_message_bytes",
}
_MESSAGE_BYTES_MAX = 1024
_TEXT_CHARACTERS_MAX = 48


class Rejections:
    """The items of one request that were left out: spans, or log records."""

    def __init__(self, *, item: str, reasons: Mapping[str, str]) -> None:
        """`item` is what people call one of them, `reasons` are those that its signal adds."""
        self.counts: dict[str, int] = {}
        self._item = item
        self._reasons = {**_REASONS, **reasons}
        self._examples: dict[str, str] = {}

    @property
    def total(self) -> int:
        """How many items were left out."""
        return sum(self.counts.values())

    def add(self, reason: str, *, name: str, found: str) -> None:
        """Leave out an item that calls itself `name`, for what was `found` in it."""
        self.counts[reason] = self.counts.get(reason, 0) + 1
        if reason not in self._examples:
            self._examples[reason] = f"{self._item} '{_short(name)}': {_short(found)}"

    def message(self, *, received: int) -> str:
        """Say what was left out of how many, why, and what to do."""
        reasons = "; ".join(
            f"{count} {self._reasons[reason]} (such as {self._examples[reason]})"
            for reason, count in self.counts.items()
        )
        text = (
            f"{self.total} of {received} {self._item}s rejected: {reasons}. "
            f"Correct what makes these {self._item}s; all others are accepted."
        )
        return text.encode()[:_MESSAGE_BYTES_MAX].decode(errors="ignore")


def _short(text: str) -> str:
    return text if len(text) <= _TEXT_CHARACTERS_MAX else text[: _TEXT_CHARACTERS_MAX - 1] + "…"
