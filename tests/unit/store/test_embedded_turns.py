"""Admission: bounded in how many run, how many wait, and how long."""

import asyncio

import pytest

from runtime.errors import StoreRefused
from store.embedded.turns import Turns


async def test_lets_the_next_in_when_one_is_done() -> None:
    """Queries beyond the bound run later, not at the same time."""
    turns = Turns(running_max=1, waiting_max=2, wait_seconds_max=10)
    seen = []

    async def query() -> None:
        async with turns.turn():
            seen.append(turns.running)
            await asyncio.sleep(0)

    await asyncio.gather(query(), query(), query())
    assert seen == [1, 1, 1]
    assert turns.running == 0


@pytest.mark.parametrize(("waiting_max", "seconds"), [(0, 10), (1, 0.01)])
async def test_refuses_who_would_wait_too_long(waiting_max: int, seconds: float) -> None:
    """A full queue refuses at once, and a slow one in the end; neither takes a turn away."""
    turns = Turns(running_max=1, waiting_max=waiting_max, wait_seconds_max=seconds)
    async with turns.turn():
        with pytest.raises(StoreRefused) as refused:
            async with turns.turn():
                pass
        assert refused.value.code == 202
    if waiting_max:
        async with turns.turn():
            assert turns.running == 1
