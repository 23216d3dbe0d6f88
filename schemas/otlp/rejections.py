"""
What was wrong with the items that were left out: counted by reason, told to their sender, and one
of each reason shown to the operator.

OTLP says (Full Success, Partial Success): the message is for people, in English, and says how to
fix things.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

# What an item of any signal had, by the short reason that is also a metric's label.
_REASONS = {
    "json": "with a value that its field cannot hold",
    "unreadable": "that cannot be read: not protobuf, or with a value that nests more than 100 "
    "messages deep",
    "too_large": "larger, with its resource and scope, than a record may be: shorten its values, "
    "or raise buffer.kafka.max_message_bytes",
}
# What is accepted, but not as it came, by the short name of the repair. Others lose nothing.
_WARNINGS = {
    "utf8": "all is accepted, with U+FFFD in place of what was not UTF-8: send valid UTF-8",
}
_MESSAGE_BYTES_MAX = 1024
_TEXT_CHARACTERS_MAX = 48
SAMPLE_BYTES_MAX = 4096  # of what was refused, for the operator to look at


class Rejected(NamedTuple):
    """
    The items that were left out for one reason: how many, the reason and the first one in words,
    and the beginning of a request that would hold nothing but that one.
    """

    reason: str
    items: int
    text: str
    sample: bytes


class Rejections:
    """The items of one request that were left out: spans, or log records."""

    def __init__(self, *, item: str, reasons: Mapping[str, str]) -> None:
        """`item` is what people call one of them, `reasons` are those that its signal adds."""
        self.counts: dict[str, int] = {}
        self._item = item
        self._reasons = {**_REASONS, **reasons}
        self._examples: dict[str, str] = {}
        self._samples: dict[str, bytes] = {}

    @property
    def total(self) -> int:
        """How many items were left out."""
        return sum(self.counts.values())

    def add(self, reason: str, *, name: str, found: str, alone: Callable[[], bytes]) -> None:
        """
        Leave out an item that calls itself `name`, for what was `found` in it. `alone` gives a
        request that holds nothing else.
        """
        self.counts[reason] = self.counts.get(reason, 0) + 1
        if reason not in self._examples:
            self._examples[reason] = f"{self._item} '{_short(name)}': {_short(found)}"
            self._samples[reason] = alone()[:SAMPLE_BYTES_MAX]

    def by_reason(self) -> Iterator[Rejected]:
        """Yield what was left out, reason by reason."""
        for reason, count in self.counts.items():
            text = f"{self._reasons[reason]} (such as {self._examples[reason]})"
            yield Rejected(reason, count, text, self._samples[reason])

    def message(self, *, received: int) -> str:
        """Say what was left out of how many, why, and what to do."""
        reasons = "; ".join(f"{rejected.items} {rejected.text}" for rejected in self.by_reason())
        text = (
            f"{self.total} of {received} {self._item}s rejected: {reasons}. "
            f"Correct what makes these {self._item}s; all others are accepted."
        )
        return text.encode()[:_MESSAGE_BYTES_MAX].decode(errors="ignore")


def warning(repairs: Iterable[str]) -> str:
    """Say what a sender should know of a request that was accepted whole; nothing, mostly."""
    return "; ".join(_WARNINGS[repair] for repair in sorted(repairs) if repair in _WARNINGS)


def _short(text: str) -> str:
    return text if len(text) <= _TEXT_CHARACTERS_MAX else text[: _TEXT_CHARACTERS_MAX - 1] + "…"
