"""Prices of one's own: which of several is meant."""

from __future__ import annotations

import pytest

from schemas.prices import own
from schemas.prices.own import OwnPrice

NAMES = [
    ("", "*"),
    ("", "acme-*"),
    ("", "acme-*-large"),
    ("", "acme-3"),
    ("acme", "*"),
    ("", "a[b]*"),
]
OWN = [
    OwnPrice(*name, input=number, cache_read=0, cache_write=0, output=0)
    for number, name in enumerate(NAMES)
]


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        (("", "else"), 0),
        (("", "acme-2"), 1),
        (("other", "acme-2-large"), 2),
        (("", "acme-3"), 3),
        (("acme", "acme-3"), 4),
        (("", "a[b]c"), 5),
        (("", "ab"), 0),
        (("", "two\nlines"), 0),
    ],
)
def test_the_closest_is_meant(name: tuple[str, str], meant: int) -> None:
    """With its provider before any, a name before a pattern, a long pattern before a short."""
    price = own.find(OWN, *name)
    assert price
    [line] = price.lines
    assert line.rates.input == meant


def test_without_a_price_of_ones_own_there_is_none() -> None:
    """Then the package is asked."""
    assert own.find(OWN[1:], "", "else") is None
