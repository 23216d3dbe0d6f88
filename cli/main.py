"""The `sessiontrail` command."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import click

from cli import processes, supervisor
from cli.configuration import print_config, validate
from cli.dead_letters import dead_letters
from cli.delete import delete
from cli.hash_password import hash_password
from cli.invocation import Invocation
from cli.options import errors_for_people, with_settings
from cli.prices import prices
from cli.project_keys import project_keys
from cli.transfer.commands import export, import_
from runtime import lifecycle, logging
from schemas import migrate as schema
from schemas.prices.table import Prices
from store.client import Store


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sessiontrail")
def cli() -> None:
    """Spans in, sessions out: OTLP → buffer → ClickHouse."""


@cli.command()
@with_settings
def up(invocation: Invocation) -> None:
    """Run everything: store, ingest, worker and query, on embedded defaults."""
    _run("up", invocation, lambda: supervisor.up(invocation))


@cli.command()
@with_settings
def store(invocation: Invocation) -> None:
    """Run the embedded store: ClickHouse's HTTP interface over a folder."""
    _run("store", invocation, lambda: processes.store(invocation.config))


@cli.command()
@with_settings
def ingest(invocation: Invocation) -> None:
    """Run the receiver: OTLP over gRPC and HTTP into the buffer."""
    _run("ingest", invocation, lambda: processes.ingest(invocation))


@cli.command()
@with_settings
def worker(invocation: Invocation) -> None:
    """Run a worker: from the buffer into the store."""
    _run("worker", invocation, lambda: processes.worker(invocation.config))


@cli.command()
@with_settings
def query(invocation: Invocation) -> None:
    """Run the read side: pages and API."""
    _run("query", invocation, lambda: processes.query(invocation.config))


@cli.command()
@click.argument("action", type=click.Choice(["apply", "status"]), default="apply")
@with_settings
def migrate(invocation: Invocation, action: str) -> None:
    """Bring the store's tables and views to this release, or tell how they are."""
    run = _migrate if action == "apply" else _migration_status
    _run("migrate", invocation, lambda: run(invocation))


@cli.command()
@with_settings
def demo(invocation: Invocation) -> None:
    """Send a few LLM chat sessions to the running receiver, and say how to look at them."""
    from cli import demo as demo_sessions  # its SDK is of no use to any other command

    with errors_for_people():
        demo_sessions.send(invocation.config)


cli.add_command(validate)
cli.add_command(print_config)
cli.add_command(dead_letters)
cli.add_command(delete)
cli.add_command(prices)
cli.add_command(project_keys)
cli.add_command(hash_password)
cli.add_command(import_)
cli.add_command(export)


async def _migrate(invocation: Invocation) -> None:
    config = invocation.config
    async with Store(config.store) as store:
        applied = await schema.migrate(store, config)
        await Prices(store).refresh()
    click.echo("\n".join(f"applied {name}" for name in applied) or "nothing to do")


async def _migration_status(invocation: Invocation) -> None:
    async with Store(invocation.config.store) as store:
        for piece in await schema.status(store):
            click.echo(f"{piece.state:8} {piece.name}")


def _run(
    process: str, invocation: Invocation, main: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    with errors_for_people():
        logging.configure(invocation.config.log, process=process)
        lifecycle.run(main())


def main() -> None:
    """Run the command line."""
    cli()


if __name__ == "__main__":
    main()
