"""What usage costs: as the package computes it, and as the lines of a price say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import genai_prices

from schemas.prices.line import Line


class Usage(NamedTuple):
    """Tokens as spans.* has them: no token is in two of these."""

    input: int = 0
    cache_read: int = 0
    cache_write: int = 0
    output: int = 0
    reasoning: int = 0
    audio: int = 0

    @property
    def all_input(self) -> int:
        """What the prices of long inputs go by."""
        return self.input + self.cache_read + self.cache_write


USAGES = (
    Usage(input=1000, output=200),
    Usage(input=10, cache_read=150_000, cache_write=70_000, output=1, reasoning=90),
    Usage(input=900_000, output=7, reasoning=3, audio=11),
)


def cost(lines: Sequence[Line], usage: Usage, at: datetime) -> float:
    """Return what usage costs by the first line that holds."""
    of_day = at.hour * 3600 + at.minute * 60 + at.second
    rates = next(
        line.rates
        for line in lines
        if line.when.since <= at.timestamp()
        and line.when.from_second <= of_day < line.when.until_second
        and usage.all_input > line.input_over
    )
    tokens = zip(usage, rates[: len(usage)], strict=True)
    return rates.request + sum(count * rate for count, rate in tokens) / 1e6


def expected(usage: Usage, model: str, provider: str | None, at: datetime) -> float:
    """Return what the package says that usage costs, whose counts are told with their parts."""
    price = genai_prices.calc_price(
        genai_prices.Usage(
            input_tokens=usage.all_input,
            cache_read_tokens=usage.cache_read,
            cache_write_tokens=usage.cache_write,
            output_tokens=usage.output + usage.reasoning + usage.audio,
            output_reasoning_tokens=usage.reasoning,
            output_audio_tokens=usage.audio,
        ),
        model,
        provider_id=provider,
        genai_request_timestamp=at,
    )
    return float(price.total_price)
