"""The `sessiontrail` command."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import click

from cli import processes, supervisor
from cli.child import EXIT_CONFIG
from cli.invocation import Invocation
from runtime import lifecycle, logging
from runtime.errors import ConfigError, PipelineError
from schemas import migrate as schema
from store.client import Store


def _with_settings(command: Callable[..., None]) -> Callable[..., None]:
    @click.option("--config", "file", type=click.Path(path_type=Path), help="A YAML file.")
    @click.option("--data-dir", type=click.Path(path_type=Path), help="Short for --set data_dir=…")
    @click.option(
        "--set",
        "assignments",
        multiple=True,
        metavar="KEY=VALUE",
        help="Any setting of docs/configuration.md; may be repeated.",
    )
    @wraps(command)
    def wrapped(
        file: Path | None, data_dir: Path | None, assignments: Sequence[str], **others: Any
    ) -> None:
        given = [*([f"data_dir={data_dir}"] if data_dir else []), *assignments]
        command(Invocation(file=file, assignments=tuple(given)), **others)

    return wrapped


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="sessiontrail")
def cli() -> None:
    """Spans in, sessions out: OTLP → buffer → ClickHouse."""


@cli.command()
@_with_settings
def up(invocation: Invocation) -> None:
    """Run everything: store, ingest and worker, on embedded defaults."""
    _run("up", invocation, lambda: supervisor.up(invocation))


@cli.command()
@_with_settings
def store(invocation: Invocation) -> None:
    """Run the embedded store: ClickHouse's HTTP interface over a folder."""
    _run("store", invocation, lambda: processes.store(invocation.config))


@cli.command()
@_with_settings
def ingest(invocation: Invocation) -> None:
    """Run the receiver: OTLP over gRPC and HTTP into the buffer."""
    _run("ingest", invocation, lambda: processes.ingest(invocation.config))


@cli.command()
@_with_settings
def worker(invocation: Invocation) -> None:
    """Run a worker: from the buffer into the store."""
    _run("worker", invocation, lambda: processes.worker(invocation.config))


@cli.command()
@click.argument("action", type=click.Choice(["apply", "status"]), default="apply")
@_with_settings
def migrate(invocation: Invocation, action: str) -> None:
    """Bring the store's tables and views to this release, or tell how they are."""
    run = _migrate if action == "apply" else _migration_status
    _run("migrate", invocation, lambda: run(invocation))


@cli.command()
@_with_settings
def demo(invocation: Invocation) -> None:
    """Send a few LLM chat sessions to the running receiver, and say how to look at them."""
    from cli import demo as demo_sessions  # its SDK is of no use to any other command

    with _errors_for_people():
        demo_sessions.send(invocation.config)


async def _migrate(invocation: Invocation) -> None:
    config = invocation.config
    async with Store(config.store) as store:
        applied = await schema.migrate(store, durable=not config.store.url)
    click.echo("\n".join(f"applied {name}" for name in applied) or "nothing to do")


async def _migration_status(invocation: Invocation) -> None:
    async with Store(invocation.config.store) as store:
        for piece in await schema.status(store):
            click.echo(f"{piece.state:8} {piece.name}")


def _run(
    process: str, invocation: Invocation, main: Callable[[], Coroutine[Any, Any, None]]
) -> None:
    with _errors_for_people():
        logging.configure(invocation.config.log, process=process)
        lifecycle.run(main())


@contextmanager
def _errors_for_people() -> Iterator[None]:
    """Errors of ours are for whoever runs the command: in words, without a traceback."""
    try:
        yield
    except ConfigError as error:
        click.echo(f"sessiontrail: {error}", err=True)
        sys.exit(EXIT_CONFIG)
    except PipelineError as error:
        click.echo(f"sessiontrail: {error}", err=True)
        sys.exit(1)


def main() -> None:
    """Run the command line."""
    cli()


if __name__ == "__main__":
    main()
