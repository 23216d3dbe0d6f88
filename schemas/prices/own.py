"""Prices that operators put in themselves, such as for models of their own: they win."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from schemas.prices.line import ALWAYS, Line, Price, Rates

SOURCE = "own"


class OwnPrice(NamedTuple):
    """
    USD for a million tokens of the models that `model` names, in lower case: * is anything. An
    empty provider is any.
    """

    provider: str
    model: str
    input: float
    cache_read: float
    cache_write: float
    output: float

    def is_of(self, provider: str, model: str) -> bool:
        """Return whether a name that a span tells is meant."""
        pattern = ".*".join(map(re.escape, self.model.split("*")))
        return self.provider in {"", provider} and bool(re.fullmatch(pattern, model, re.DOTALL))


def find(own: Iterable[OwnPrice], provider: str, model: str) -> Price | None:
    """Return the price of the closest that means a name: with its provider, then the longest."""
    meant = [price for price in own if price.is_of(provider, model)]
    if not meant:
        return None
    price = max(meant, key=lambda p: (p.provider != "", "*" not in p.model, len(p.model), p.model))
    rates = Rates(
        input=price.input,
        cache_read=price.cache_read,
        cache_write=price.cache_write,
        output=price.output,
        reasoning=price.output,
        audio=price.output,
    )
    rule = f"{price.provider}/{price.model}" if price.provider else price.model
    return Price((Line(ALWAYS, -1, rates),), SOURCE, rule)
