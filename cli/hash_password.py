"""`sessiontrail hash-password`: what the settings keep of a user's password."""

from __future__ import annotations

import sys

import click

_CHARACTERS_MIN = 8


@click.command()
def hash_password() -> None:
    """Hash a password for query.users. Asks for it twice, or reads a line of standard input."""
    from query.access import passwords

    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not _CHARACTERS_MIN <= len(password) <= passwords.PASSWORD_CHARACTERS_MAX:
        raise click.ClickException(
            f"a password has {_CHARACTERS_MIN} to {passwords.PASSWORD_CHARACTERS_MAX} characters"
        )
    click.echo(passwords.hash_password(password))
