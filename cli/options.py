"""What all commands share: the options that settings come from, and errors in words."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import click

from cli.child import EXIT_CONFIG
from cli.invocation import Invocation
from runtime.errors import ConfigError, PipelineError


def with_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that settings come from, as its first argument."""

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


@contextmanager
def errors_for_people() -> Iterator[None]:
    """Errors of ours are for whoever runs the command: in words, without a traceback."""
    try:
        yield
    except ConfigError as error:
        click.echo(f"sessiontrail: {error}", err=True)
        sys.exit(EXIT_CONFIG)
    except PipelineError as error:
        click.echo(f"sessiontrail: {error}", err=True)
        sys.exit(1)
