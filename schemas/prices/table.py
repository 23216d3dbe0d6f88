"""
The price table: for each name of a model that a span has told, what its tokens cost.

The insert looks a name up there, and the matching of names is not its business. A name that is not
there is looked up here, once, by whoever first stores a span with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import orjson
import structlog

from schemas.prices import own
from schemas.prices.line import Line, Price, Rates, When
from schemas.prices.own import OwnPrice
from schemas.statements import UNPRICED_MODELS
from store.client import Store

log = structlog.get_logger()

# A provider, '' where none is told, and a model, both in lower case.
Name: TypeAlias = tuple[str, str]

# Every insert reads all names, so there is an end to them. Who names models at random gets none.
NAMES_MAX = 10_000
_NAME_BYTES_MAX = 200
_NO_PRICE = Price((), "", "")
# As tuples: clickhouse-connect makes dictionaries of those that have names.
_LINES = "Array(Tuple(UInt32, UInt32, UInt32, Int64" + ", Float64" * len(Rates._fields) + "))"


class Prices:
    """The prices in one store. All methods raise RetryableError or StoreRefused."""

    def __init__(self, store: Store, *, names_max: int = NAMES_MAX) -> None:
        self._store = store
        self._names_max = names_max
        self._is_full = False

    async def learn(self, batch: str) -> bool:
        """
        Look up what models in a batch cost that nobody has seen yet, and return whether any of its
        models has a price since it was inserted, found here or by another worker: then it has to
        be inserted once more, for its costs.
        """
        unpriced = await self._store.query(
            UNPRICED_MODELS,
            {
                "batch": batch,
                "name_bytes_max": _NAME_BYTES_MAX,
                "names_max": self._names_max,
            },
        )
        is_priced = any(is_known for *_, is_known in unpriced)
        names = [(provider, model) for provider, model, is_known in unpriced if not is_known]
        if names and not await self._full():
            found = await self.find(names)
            await self._write(found)
            is_priced |= any(price.lines for price in found.values())
        return is_priced

    async def refresh(self) -> tuple[int, int]:
        """Look up every name anew; return how many there are, and how many changed their price."""
        stored = await self.known()
        found = await self.find(list(stored))
        changed = {name: price for name, price in found.items() if price != stored[name]}
        await self._write(changed)
        return len(stored), sum(found[name].lines != price.lines for name, price in stored.items())

    async def known(self) -> dict[Name, Price]:
        """Return every name that was looked up, and its price; those without one have no lines."""
        rows = await self._store.query(
            "SELECT Provider, Model, Source, Rule,"
            " CAST(Prices, {lines:String})"
            " FROM model_prices FINAL ORDER BY Model, Provider",
            {"lines": _LINES},
        )
        return {
            (provider, model): Price(tuple(map(_line, lines)), source, rule)
            for provider, model, source, rule, lines in rows
        }

    async def find(self, names: Iterable[Name]) -> dict[Name, Price]:
        """Return the price of each name as it is now: the operator's own, else the package's."""
        asked = list(names)
        return await asyncio.to_thread(_find, asked, await self.own()) if asked else {}

    async def own(self) -> Sequence[OwnPrice]:
        """Return the operator's own prices."""
        rows = await self._store.query(
            "SELECT Provider, Model, Input, CacheRead, CacheWrite, Output FROM own_prices FINAL"
            " ORDER BY Model, Provider"
        )
        return [OwnPrice(*row) for row in rows]

    async def set_own(self, price: OwnPrice) -> None:
        """Have a price of one's own from now on."""
        await self._write_own(price, is_deleted=False)

    async def unset_own(self, provider: str, model: str) -> bool:
        """Have a price of one's own no more, and return whether there was one."""
        for price in await self.own():
            if (price.provider, price.model) == (provider, model):
                await self._write_own(price, is_deleted=True)
                return True
        return False

    async def _full(self) -> bool:
        [[known]] = await self._store.query("SELECT count() FROM model_prices FINAL")
        if known >= self._names_max and not self._is_full:
            log.warning(
                "model_names_full",
                names=known,
                what_to_do="models whose names are new get no cost: are the names of models right?",
            )
        self._is_full = known >= self._names_max
        return self._is_full

    async def _write(self, prices: dict[Name, Price]) -> None:
        if prices:
            await self._store.execute(
                "INSERT INTO model_prices (Provider, Model, Prices, Source, Rule)"
                " FORMAT JSONCompactEachRow",
                body=b"\n".join(orjson.dumps(_row(*each)) for each in prices.items()),
                settings={"input_format_json_named_tuples_as_objects": 0},
            )

    async def _write_own(self, price: OwnPrice, *, is_deleted: bool) -> None:
        await self._store.execute(
            "INSERT INTO own_prices"
            " (Provider, Model, Input, CacheRead, CacheWrite, Output, IsDeleted)"
            " FORMAT JSONCompactEachRow",
            body=orjson.dumps((*price, int(is_deleted))),
        )


def _find(names: Sequence[Name], prices: Sequence[OwnPrice]) -> dict[Name, Price]:
    from schemas.prices import package  # noqa: PLC0415 - 15 MB, of use once a new model is seen

    return {name: own.find(prices, *name) or package.find(*name) or _NO_PRICE for name in names}


def _row(name: Name, price: Price) -> tuple[object, ...]:
    lines = [(*line.when, line.input_over, *line.rates) for line in price.lines]
    return (*name, lines, price.source, price.rule)


def _line(stored: Sequence[float]) -> Line:
    return Line(When(*map(int, stored[:3])), int(stored[3]), Rates(*stored[4:]))
