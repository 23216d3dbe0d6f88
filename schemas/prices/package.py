"""
The prices of genai-prices, a package that is kept for the purpose.

Which of its models a name means is decided by the package itself: it knows dated names, aliases,
the spellings of clouds. Here its answer is only written as lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TypeAlias

import genai_prices
from genai_prices.types import (
    ConditionalPrice,
    ModelPrice,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)

from schemas.prices.line import ALWAYS, DAY_SECONDS, Line, Price, Rates, When

SOURCE = f"genai-prices {genai_prices.__version__}"

_Amount: TypeAlias = Decimal | TieredPrices | None

# Programs that run models on one's own machines, which the name of a model alone would price.
_LOCAL = frozenset(
    {
        "llama.cpp",
        "llamacpp",
        "llamafile",
        "lm-studio",
        "lm_studio",
        "lmstudio",
        "localai",
        "ollama",
    }
    | {"sglang", "tgi", "vllm"}
)
_PRICED_HERE = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok")


def find(provider: str, model: str) -> Price | None:
    """
    Return the price of a model, both names in lower case, or None where the package has none that
    is by tokens or by requests.

    A provider that is told decides. Where the package does not know it, or not this model of it,
    the name of the model does; last, as a gateway writes it, with its provider before a slash.
    """
    if provider in _LOCAL:
        return None
    for told in dict.fromkeys((provider or None, None, "litellm")):
        try:
            found = genai_prices.calc_price(genai_prices.Usage(), model, provider_id=told)
        except (LookupError, ValueError):
            continue
        lines = tuple(_lines(found.model.prices))
        return Price(lines, SOURCE, f"{found.provider.id}/{found.model.id}") if lines else None
    return None


def _lines(prices: ModelPrice | list[ConditionalPrice]) -> Iterator[Line]:
    if isinstance(prices, ModelPrice):
        yield from _by_input(prices, ALWAYS)
        return
    # The last that holds is the price; where none does, the first.
    for conditional in reversed(prices):
        for when in _times(conditional.constraint):
            yield from _by_input(conditional.prices, when)
        if conditional.constraint is None:
            return
    for first in prices[:1]:
        yield from _by_input(first.prices, ALWAYS)


def _times(constraint: StartDateConstraint | TimeOfDateConstraint | None) -> Iterator[When]:
    if constraint is None:
        yield ALWAYS
    elif isinstance(constraint, StartDateConstraint):
        start = datetime.combine(constraint.start_date, time(), UTC)
        yield When(since=max(0, int(start.timestamp())))
    else:
        start_second, end_second = map(_second, (constraint.start_time, constraint.end_time))
        if start_second <= end_second:
            yield When(from_second=start_second, until_second=end_second)
        else:
            yield When(from_second=start_second, until_second=DAY_SECONDS)
            yield When(from_second=0, until_second=end_second)


def _second(of_day: time) -> int:
    day = datetime.combine(date(1970, 1, 2), of_day, of_day.tzinfo or UTC)
    return int(day.timestamp()) % DAY_SECONDS


def _by_input(price: ModelPrice, when: When) -> Iterator[Line]:
    told = {key: amount for key, amount in vars(price).items() if amount is not None}
    if told and not told.keys() & {*_PRICED_HERE, "requests_kcount"}:
        return  # by the hour, the page, the picture
    tiers = {
        tier.start
        for amount in told.values()
        if isinstance(amount, TieredPrices)
        for tier in amount.tiers
    }
    for input_over in (*sorted(tiers, reverse=True), -1):
        yield Line(when, input_over, _rates(price, input_over))


def _rates(price: ModelPrice, input_over: int) -> Rates:
    def rate(amount: _Amount, otherwise: float = 0.0) -> float:
        if isinstance(amount, TieredPrices):
            reached = [tier.price for tier in amount.tiers if tier.start <= input_over]
            amount = reached[-1] if reached else amount.base
        return otherwise if amount is None else float(amount)

    # Tokens without a price of their own are what they are a kind of.
    input_, output = rate(price.input_mtok), rate(price.output_mtok)
    return Rates(
        input=input_,
        cache_read=rate(price.cache_read_mtok, input_),
        cache_write=rate(price.cache_write_mtok, input_),
        output=output,
        reasoning=rate(price.output_reasoning_mtok, output),
        audio=rate(price.output_audio_mtok, output),
        request=rate(price.requests_kcount) / 1000,
    )
