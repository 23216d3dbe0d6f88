"""Answers without pages have an end, by rows and by bytes."""

from __future__ import annotations

import pytest

from query.langfuse.bounds import BOUNDED, answerable
from runtime.errors import InvalidRequest, StoreRefused
from store.client import Store
from tests import processes


@pytest.mark.parametrize(
    ("select", "fits"),
    [
        ("number FROM numbers(10000)", True),
        ("number FROM numbers(10001)", False),
        ("repeat('x', 900000 + number) FROM numbers(60)", True),
        ("repeat('x', 900000 + number) FROM numbers(100)", False),
    ],
)
async def test_answers_have_an_end(store: processes.Store, select: str, *, fits: bool) -> None:
    """Past it they are refused, not cut off, and the message says what to do instead."""
    async with Store(store.config) as client:
        statement = f"SELECT {select} {BOUNDED}"
        if fits:
            with answerable("do that"):
                assert await client.query(statement)
        else:
            refused = pytest.raises(InvalidRequest, match=r"10000 items or 64 MiB .* do that")
            with refused, answerable("do that"):
                await client.query(statement)


async def test_other_refusals_are_no_matter_of_size(store: processes.Store) -> None:
    """A wrong statement is a bug of ours."""
    async with Store(store.config) as client:
        with pytest.raises(StoreRefused), answerable("do that"):
            await client.query(f"SELECT nothing {BOUNDED}")
