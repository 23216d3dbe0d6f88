"""`sessiontrail keys`: who may send spans to which project, and read it through the API."""

from __future__ import annotations

from typing import get_args

import click

from cli.invocation import Invocation
from cli.options import errors_for_people, with_settings
from runtime import keys
from runtime.keys import Key, NewKey
from runtime.roles import RoleName

# What is not a terminal takes lines of any length.
_WIDTH_MAX = 1000


@click.group("keys")
def project_keys() -> None:
    """Make, list and revoke the keys of projects. Running processes notice by themselves."""


@project_keys.command()
@click.option("--project", required=True, help="The project that spans go to.")
@click.option(
    "--role",
    type=click.Choice(get_args(RoleName)),
    default="editor",
    show_default=True,
    help="viewer: read; editor: send spans as well, score, comment; admin: change others' marks.",
)
@click.option("--name", default="", help="Whose key it is, such as the service that sends.")
@with_settings
def create(invocation: Invocation, *, project: str, role: RoleName, name: str) -> None:
    """Make a key, and print its secret: this once, because only its hash is kept."""
    with errors_for_people():
        path = invocation.config.keys_file
        created = keys.create(path, project=project, role=role, name=name)
        click.echo(_as_page(created))
        if created.is_first:
            click.echo(
                f"This is the first key in {path}: from now on spans are taken with a key only.",
                err=True,
            )


@project_keys.command("list")
@with_settings
def list_(invocation: Invocation) -> None:
    """List all keys, revoked ones included. Secrets are not kept, and so not shown."""
    with errors_for_people():
        path = invocation.config.keys_file
        found = keys.read(path)
        if found:
            _print_table(found)
        else:
            click.echo(f"no keys in {path}: everything goes to project 'default'")


@project_keys.command()
@click.argument("public_key")
@with_settings
def revoke(invocation: Invocation, *, public_key: str) -> None:
    """Make a key useless, within a second or two. It cannot be taken back."""
    with errors_for_people():
        key = keys.revoke(invocation.config.keys_file, public_key)
        click.echo(f"revoked {key.public_key} of project {key.project}")


def _as_page(created: NewKey) -> str:
    key, secret, _ = created
    return f"""\
project     {key.project}
role        {key.role}
public key  {key.public_key}
secret key  {secret}

The secret key is not shown again. For any OpenTelemetry exporter:
  export OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20{secret}"
For Langfuse's SDKs:
  export LANGFUSE_PUBLIC_KEY="{key.public_key}"
  export LANGFUSE_SECRET_KEY="{secret}\""""


def _print_table(found: tuple[Key, ...]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = _WIDTH_MAX
    table = Table(box=None, pad_edge=False)
    for heading in ("public key", "project", "role", "name", "created", "revoked"):
        table.add_column(heading, no_wrap=heading == "public key")
    for key in found:
        revoked = f"{key.revoked:%Y-%m-%d %H:%M}" if key.revoked else "-"
        created = f"{key.created:%Y-%m-%d %H:%M}"
        table.add_row(key.public_key, key.project, key.role, key.name, created, revoked)
    console.print(table)
