"""
`sessiontrail dead-letters`: what the store could not read, looked at, replayed, dropped; and what
ingest rejected, looked at and dropped.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from typing import IO, Any

import click
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from cli import letter_text, letters
from cli.buffers import LOGS, name_of
from cli.invocation import Invocation
from cli.options import errors_for_people, with_settings
from runtime import lifecycle, logging
from runtime.config import Config

_ids = click.argument("ids", nargs=-1, metavar="[ID]...")
_rejected = click.option(
    "--rejected",
    "kind",
    flag_value="rejected",
    default="dead_letters",
    help="What ingest refused for good, instead: a letter for each project and reason.",
)
_all = click.option("--all", "everything", is_flag=True, help="All that wait now.")


def _handles_letters(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the settings; its standard output is for what it was asked."""

    @with_settings
    @wraps(command)
    def wrapped(invocation: Invocation, **others: Any) -> None:
        with errors_for_people():
            config = invocation.config
            # What a process says in passing would be in the way here.
            quiet = {"level": "warning"} if config.log.level == "info" else {}
            log = config.log.model_copy(update=quiet)
            logging.configure(log, process="dead-letters", output=sys.stderr)
            command(config, **others)

    return wrapped


@click.group()
def dead_letters() -> None:
    """Look at the records that the store could not read; replay or drop them."""


@dead_letters.command("list")
@click.option("--json", "as_json", is_flag=True, help="A line of JSON for each.")
@_rejected
@_handles_letters
def list_(config: Config, *, as_json: bool, kind: letters.Kind) -> None:
    """List what waits: where each record came from, and why it is there."""

    async def rows() -> list[dict[str, Any]]:
        return [letter_text.as_dict(letter) async for letter in letters.letters(config, kind)]

    found = lifecycle.run(rows())
    if as_json:
        for row in found:
            click.echo(json.dumps(row))
    elif found:
        width = shutil.get_terminal_size((160, 0)).columns
        click.echo("\n".join(letter_text.as_table(found, width=width)))
    else:
        click.echo("nothing was rejected" if kind == "rejected" else "no dead letters")


@dead_letters.command()
@click.argument("letter_id", metavar="ID")
@click.option("--raw", type=click.File("wb"), help="Write the record's bytes there, and no more.")
@_rejected
@_handles_letters
def show(config: Config, *, letter_id: str, raw: IO[bytes] | None, kind: letters.Kind) -> None:
    """Show one letter: error, headers and content in full."""
    letter = lifecycle.run(letters.find(config, letter_id, kind))
    if raw:
        raw.write(letter.record.value)
    else:
        is_of_logs = letters.home_of(config, letter.label) == "logs"
        request = ExportLogsServiceRequest if is_of_logs else ExportTraceServiceRequest
        click.echo(letter_text.as_page(letter, request))


@dead_letters.command()
@_ids
@_all
@_handles_letters
def replay(config: Config, *, ids: Sequence[str], everything: bool) -> None:
    """Append the records to the logs that they came from once more, as they were."""
    chosen, waiting = _choose(config, ids, everything=everything)
    lifecycle.run(letters.take_out(config, waiting, chosen, to="their logs"))
    homes = {letters.home_of(config, waiting.labels[letter_id]) for letter_id in chosen}
    names = [name_of(config, log) for log in LOGS.values() if log in homes]
    click.echo(f"replayed {_count(chosen)} to {' and '.join(names) or 'nowhere'}")


@dead_letters.command()
@_ids
@_all
@click.option("--yes", is_flag=True, help="Do not ask.")
@_rejected
@_handles_letters
def drop(
    config: Config, *, ids: Sequence[str], everything: bool, yes: bool, kind: letters.Kind
) -> None:
    """Remove letters for good."""
    chosen, waiting = _choose(config, ids, everything=everything, kind=kind)
    if everything and chosen and not yes:
        click.confirm(f"Drop {_count(chosen)} for good?", abort=True, err=True)
    lifecycle.run(letters.take_out(config, waiting, chosen, to="nowhere", kind=kind))
    click.echo(f"dropped {_count(chosen)}")


def _choose(
    config: Config,
    ids: Sequence[str],
    *,
    everything: bool,
    kind: letters.Kind = "dead_letters",
) -> tuple[frozenset[str], letters.Waiting]:
    if bool(ids) == everything:
        raise click.UsageError("Give either ids, as 'list' shows them, or --all.")
    waiting = lifecycle.run(letters.look(config, kind))
    waiting.require(frozenset(ids))
    return frozenset(waiting.labels if everything else ids), waiting


def _count(chosen: frozenset[str]) -> str:
    return f"{len(chosen)} dead letter{'' if len(chosen) == 1 else 's'}"
