"""`sessiontrail validate` and `sessiontrail print-config`: the settings, and nothing started."""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from functools import reduce
from typing import Any

import click
import yaml
from pydantic import ByteSize, SecretStr, TypeAdapter
from pydantic.fields import FieldInfo

from cli.child import EXIT_CONFIG
from cli.invocation import Invocation
from cli.options import errors_for_people, with_settings
from runtime import checks, settings
from runtime.settings import HIDDEN, Settings

_USER_INFO = re.compile(r"//.*@")
_QUERY = re.compile(r"\?.*")


@click.command()
@with_settings
def validate(invocation: Invocation) -> None:
    """Check all settings without starting anything, and say where they were given."""
    given = invocation.settings
    problems = [*given.problems, *(checks.everything(given.config) if given.config else ())]
    if problems:
        click.echo("\n".join(problems), err=True)
        sys.exit(EXIT_CONFIG)
    click.echo("ok")
    keys: dict[str, list[str]] = defaultdict(list)
    for key, origin in given.origins.items():
        keys[origin].append(key)
    for origin, of_it in keys.items():
        click.echo(f"{origin}: {', '.join(of_it)}")
    click.echo(f"{'all others' if keys else 'all'}: defaults")


@click.command()
@with_settings
def print_config(invocation: Invocation) -> None:
    """Print the settings in force as a file for --config; secrets are hidden."""
    with errors_for_people():
        invocation.settings.in_force()
        click.echo("\n".join(_as_yaml(invocation.settings)))


def _as_yaml(given: Settings) -> Iterator[str]:
    """Yield the lines of the file. Above what is no default stands where it was given."""
    config = given.in_force()
    tree = config.model_dump(mode="json")
    yield f"# A secret is shown as {HIDDEN}, which is refused as a value: write the secret itself."
    path: list[str] = []
    for key, field, _ in settings.fields():
        *parents, name = key.split(".")
        for depth, parent in enumerate(parents):
            if path[: depth + 1] != parents[: depth + 1]:
                yield f"{'  ' * depth}{parent}:"
        path = parents
        value = _shown(key, field, reduce(dict.__getitem__, key.split("."), tree))
        indent = "  " * len(parents)
        if reduce(getattr, key.split("."), config) != field.default:
            yield f"{indent}# from {given.origins[key]}"
        lines = yaml.safe_dump({name: value}, allow_unicode=True, width=sys.maxsize).splitlines()
        yield from (indent + line for line in lines)


def _shown(key: str, field: FieldInfo, value: Any) -> Any:
    if field.annotation is SecretStr:
        return value and HIDDEN
    if field.annotation is ByteSize:
        return _size(value)
    if key == "query.users":
        return [{**user, "password_hash": HIDDEN} for user in value]
    if key == "store.url":
        return _QUERY.sub(f"?{HIDDEN}", _USER_INFO.sub(f"//{HIDDEN}@", value))
    return value


def _size(size: int) -> str | int:
    """Return a size as people write it, where that says the same."""
    text = ByteSize(size).human_readable(separator="").replace(".0", "")
    return text if TypeAdapter(ByteSize).validate_python(text) == size else size
