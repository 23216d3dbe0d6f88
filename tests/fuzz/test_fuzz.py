"""The short form of fuzzing; the long one is `python -m tests.fuzz`."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.corpus import mutated, seeds
from tests.fuzz.targets import TARGETS

SEEDS = seeds()


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=1000)
@given(dice=st.randoms(use_true_random=True))
def test_knows_answers_and_refusals_alone(name: str, dice: random.Random) -> None:
    """Whatever becomes of valid requests by accident or by malice."""
    TARGETS[name](mutated(SEEDS, dice))


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=100)
@given(data=st.binary(max_size=200))
def test_knows_what_to_do_with_bytes_of_any_kind(name: str, data: bytes) -> None:
    """Even those that never were a request."""
    TARGETS[name](data)


@pytest.mark.parametrize("name", TARGETS)
def test_takes_what_is_valid(name: str) -> None:
    """The seeds themselves fail nowhere."""
    for seed in SEEDS:
        TARGETS[name](seed)
