"""`sessiontrail prices`: what models cost, for spans that do not tell it (docs/prices.md)."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar

import click

from cli.invocation import Invocation
from cli.options import errors_for_people, with_settings
from runtime import lifecycle, logging
from schemas.prices.line import ALWAYS, DAY_SECONDS, Line, Price
from schemas.prices.own import OwnPrice
from schemas.prices.table import Name, Prices
from store.client import Store

T = TypeVar("T")

# What is not a terminal takes lines of any length.
_WIDTH_MAX = 1000
_USD = click.FloatRange(min=0, max=1_000_000)


@click.group()
def prices() -> None:
    """Say, list and refresh what models cost. Only spans that come later get a changed price."""


@prices.command()
@with_settings
def refresh(invocation: Invocation) -> None:
    """Take the prices of the installed genai-prices for every model that spans have named."""
    names, changed = _run(invocation, Prices.refresh)
    click.echo(f"models: {names}, with another price now: {changed}")


@prices.command("list")
@click.argument("model", default="")
@click.option("--provider", default="", help="As gen_ai.provider.name tells it.")
@with_settings
def list_(invocation: Invocation, *, model: str, provider: str) -> None:
    """
    List the prices of all models that spans have named, and your own for whatever they mean; or
    what MODEL gets, named or not.
    """

    async def found(table: Prices) -> tuple[Mapping[Name, Price], Sequence[OwnPrice]]:
        if model:
            return await table.find([(provider.lower(), model.lower())]), ()
        return await table.known(), await table.own()

    known, own = _run(invocation, found)
    if known:
        _print_table(known)
    else:
        click.echo("no span has named a model yet")
    if own:
        click.echo("\nyour own prices:")
        _print_own(own)


@prices.command("set")
@click.argument("model")
@click.option("--input", "input_", type=_USD, required=True, help="USD for a million tokens.")
@click.option("--output", type=_USD, required=True, help="The same, of output.")
@click.option("--cache-read", type=_USD, help="Of input from a cache.  [default: as --input]")
@click.option("--cache-write", type=_USD, help="Of input into a cache.  [default: as --input]")
@click.option("--provider", default="", help="Only where spans tell this provider.")
@with_settings
def set_(
    invocation: Invocation,
    *,
    model: str,
    input_: float,
    output: float,
    cache_read: float | None,
    cache_write: float | None,
    provider: str,
) -> None:
    """Have a price of your own for MODEL, in which * is anything. It wins over the package's."""
    price = OwnPrice(
        provider=provider.lower(),
        model=model.lower(),
        input=input_,
        cache_read=input_ if cache_read is None else cache_read,
        cache_write=input_ if cache_write is None else cache_write,
        output=output,
    )

    async def put(table: Prices) -> tuple[int, int]:
        await table.set_own(price)
        return await table.refresh()

    _, changed = _run(invocation, put)
    click.echo(f"set, models with another price now: {changed}")


@prices.command()
@click.argument("model")
@click.option("--provider", default="", help="As it was set.")
@with_settings
def unset(invocation: Invocation, *, model: str, provider: str) -> None:
    """Take back a price of your own."""

    async def take(table: Prices) -> int | None:
        if not await table.unset_own(provider.lower(), model.lower()):
            return None
        _, changed = await table.refresh()
        return changed

    changed = _run(invocation, take)
    if changed is None:
        raise click.ClickException(f"no price of your own for '{model}'")
    click.echo(f"unset, models with another price now: {changed}")


def _run(invocation: Invocation, work: Callable[[Prices], Awaitable[T]]) -> T:
    async def connected() -> T:
        async with Store(invocation.config.store) as store:
            return await work(Prices(store))

    with errors_for_people():
        logging.configure(invocation.config.log, process="prices", output=sys.stderr)
        return lifecycle.run(connected())
    raise AssertionError("unreachable: errors end the process")


def _print_own(own: Sequence[OwnPrice]) -> None:
    rows = []
    for price in own:
        rates = (price.input, price.cache_read, price.cache_write, price.output)
        rows.append((price.provider or "-", price.model, *(f"{rate:g}" for rate in rates)))
    _print_rows(("provider", "model", "input", "cached", "cache write", "output"), rows)


def _print_table(known: Mapping[Name, Price]) -> None:
    rows: list[Sequence[str]] = []
    for (provider, model), price in known.items():
        for line in price.lines:
            rates = (line.rates.input, line.rates.cache_read, line.rates.output)
            rows.append(
                (
                    provider or "-",
                    model,
                    *(f"{rate:g}" for rate in rates),
                    _conditions(line),
                    price.source,
                    price.rule,
                )
            )
        if not price.lines:
            rows.append((provider or "-", model, "-", "-", "-", "", "no price", ""))
    _print_rows(("provider", "model", "input", "cached", "output", "when", "from", "as"), rows)


def _print_rows(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = _WIDTH_MAX
    table = Table(box=None, pad_edge=False)
    for heading in headings:
        table.add_column(heading, no_wrap=heading == "model")
    for row in rows:
        table.add_row(*row)
    console.print(table)


def _conditions(line: Line) -> str:
    """Return in words of which spans a line is the price."""
    when = line.when
    words = []
    if line.input_over >= 0:
        words.append(f"input over {line.input_over}")
    if when.since:
        words.append(f"since {datetime.fromtimestamp(when.since, UTC):%Y-%m-%d}")
    if when._replace(since=0) != ALWAYS:
        words.append(f"{_clock(when.from_second)}-{_clock(when.until_second)} UTC")
    return ", ".join(words)


def _clock(second: int) -> str:
    return "24:00" if second == DAY_SECONDS else f"{second // 3600:02}:{second % 3600 // 60:02}"
