"""`sessiontrail import` and `sessiontrail export`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from cli.invocation import Invocation
from cli.options import errors_for_people, with_settings
from runtime import lifecycle


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
    exporters are given it, by OTEL_EXPORTER_OTLP_HEADERS.
    """
    with errors_for_people():
        from cli.transfer.importing import Import

        config = invocation.config
        endpoint = endpoint or f"http://{config.ingest.http.endpoint}"
        importing = Import(files, bytes_max=config.ingest.request_bytes_max)
        try:
            lifecycle.run(importing.run(endpoint))
        finally:
            click.echo(importing.summary())
    sys.exit(1 if importing.rejected or importing.problems else 0)
