"""`sessiontrail delete`: sessions and traces, for good."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

import click

from cli.invocation import Invocation
from cli.options import errors_for_people, with_settings
from runtime import lifecycle, logging
from runtime.config import Config
from schemas.envelope import DEFAULT_PROJECT
from schemas.erasing import Erased, Erasing
from store.client import Store

T = TypeVar("T")


@click.command()
@click.option("--session", "session_id", metavar="ID", help="The session, with its traces.")
@click.option("--trace", "trace_id", metavar="ID", help="The trace.")
@click.option("--project", default=DEFAULT_PROJECT, show_default=True, help="Where it is.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_settings
def delete(
    invocation: Invocation,
    *,
    session_id: str | None,
    trace_id: str | None,
    project: str,
    yes: bool,
) -> None:
    """Delete a session or a trace for good: spans, logs, figures, scores, comments, links."""
    if bool(session_id) == bool(trace_id):
        raise click.UsageError("Give either --session or --trace.")
    what = f"session '{session_id}'" if session_id else f"trace '{trace_id}'"

    async def check(erasing: Erasing) -> None:
        if session_id:
            await erasing.check_session(project, session_id)
        else:
            await erasing.check_trace(project, trace_id or "")

    async def erase(erasing: Erasing) -> Erased:
        author = f"{getpass.getuser()}, by command"
        if session_id:
            return await erasing.delete_session(project, session_id, author=author)
        return await erasing.delete_trace(project, trace_id or "", author=author)

    with errors_for_people():
        logging.configure(invocation.config.log, process="delete", output=sys.stderr)
        if not yes:
            # Nobody is asked about what is not there: a typo, or another project's.
            lifecycle.run(_with_erasing(invocation.config, check))
            click.confirm(f"Delete {what} of project '{project}' for good?", abort=True, err=True)
        erased = lifecycle.run(_with_erasing(invocation.config, erase))
    found = f"traces: {erased.traces}, spans: {erased.spans}, logs: {erased.logs}"
    click.echo(f"deleted {what} ({found})")


async def _with_erasing(config: Config, work: Callable[[Erasing], Awaitable[T]]) -> T:
    async with Store(config.store) as store:
        return await work(Erasing(store))
