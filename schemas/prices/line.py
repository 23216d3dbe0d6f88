"""A price and when it holds: what model_prices keeps of each name, in the order to look."""

from __future__ import annotations

from typing import NamedTuple

DAY_SECONDS = 86_400


class When(NamedTuple):
    """Of which spans a price is: by their start, Unix seconds and seconds of a day in UTC."""

    since: int = 0
    from_second: int = 0
    until_second: int = DAY_SECONDS


ALWAYS = When()


class Rates(NamedTuple):
    """USD for a million tokens, and for each request."""

    input: float = 0.0
    cache_read: float = 0.0
    cache_write: float = 0.0
    output: float = 0.0
    reasoning: float = 0.0
    audio: float = 0.0
    request: float = 0.0


class Line(NamedTuple):
    """Rates, for spans of a time, and of more input than `input_over` tokens, cached or not."""

    when: When
    input_over: int
    rates: Rates


class Price(NamedTuple):
    """The lines of a name, of which the first that holds is its price, and who says so."""

    lines: tuple[Line, ...]
    source: str
    rule: str
