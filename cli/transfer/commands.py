"""`sessiontrail import` and `sessiontrail export`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from cli.invocation import Invocation
from cli.options import errors_for_people, with_settings
from runtime import lifecycle
from schemas.envelope import DEFAULT_PROJECT


@click.command("import")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--endpoint",
    metavar="URL",
    help="An OTLP/HTTP receiver, such as https://otlp.example.com:4318, instead of"
    " ingest.http.endpoint.",
)
@with_settings
def import_(invocation: Invocation, *, files: Sequence[str], endpoint: str | None) -> None:
    """
    Send files of OTLP to the running receiver; - is standard input.

    A file holds JSON, one request a line or one in all, or protobuf, one request or each behind its
    length, as the OpenTelemetry Collector's file exporter writes them; gzip and zstd are unpacked.
    What is wrong is named and left out. To import twice changes nothing. A project key is given as
    exporters are given it, by OTEL_EXPORTER_OTLP_HEADERS; and so is whom to trust, by
    OTEL_EXPORTER_OTLP_CERTIFICATE.
    """
    with errors_for_people():
        from cli.transfer.importing import Import

        config = invocation.config
        endpoint = endpoint or config.ingest.http_url
        importing = Import(files, bytes_max=config.ingest.request_bytes_max)
        try:
            lifecycle.run(importing.run(endpoint))
        finally:
            click.echo(importing.summary())
    sys.exit(1 if importing.rejected or importing.problems else 0)


@click.command()
@click.option("--session", "session_id", required=True, metavar="ID", help="The session.")
@click.option("--project", default=DEFAULT_PROJECT, show_default=True, help="Its project.")
@click.option(
    "--output",
    default="-",
    metavar="FILE",
    help="Where to write it, once it is whole; standard output unless given.",
)
@with_settings
def export(invocation: Invocation, *, session_id: str, project: str, output: str) -> None:
    """
    Write a session as OTLP JSON lines, which any OTLP receiver takes, and `import` as well.

    Times, ids, names, events and links are as they were sent. Attribute values are text: the store
    does not keep what else they were.
    """
    with errors_for_people():
        from cli.transfer import exporting

        config = invocation.config.store
        with exporting.written_whole(output) as file:
            exported = lifecycle.run(
                exporting.export(config, file, project=project, session_id=session_id)
            )
        click.echo(f"exported {exported.spans} spans of {exported.traces} traces", err=True)
