"""
Pictures of all pages, with believable sessions in them.

Starts everything on free ports, fills it, and takes the pictures into FOLDER. With --url they are
taken of an instance that runs already and was filled here; --serve only fills one and keeps it
running, for people who work on the pages. Addresses and the like are settings:

    python -m tests.browser.gallery --serve --set query.endpoint=127.0.0.1:18080
    python -m tests.browser.gallery --url http://127.0.0.1:18080 pictures
"""

from __future__ import annotations

import json
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import click
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from playwright.sync_api import Browser, sync_playwright

from tests.browser import chromium, conversations, screenshots
from tests.browser.profile import Profile
from tests.processes import Pipeline, pipeline

# The scores that the pages offer: one of each kind.
SCORES = (
    {"name": "helpful", "data_type": "NUMERIC", "min": 0, "max": 1, "description": "0 to 1"},
    {"name": "resolved", "data_type": "BOOLEAN"},
    {"name": "tone", "data_type": "CATEGORICAL", "categories": ["friendly", "cold", "<b>rude</b>"]},
    {"name": "summary", "data_type": "TEXT"},
)
# What is pictured: a name, and where it is.
PAGES: dict[str, str] = {
    "list": "/sessions",
    "list-filtered": "/sessions?" + urlencode({"environment": "production", "tag": "support"}),
    **{
        f"session-{name}": "/session?" + urlencode({"id": session})
        for name, session in {
            "support": conversations.SUPPORT,
            "research": conversations.RESEARCH,
            "errors": conversations.ERRORS,
            "idle": conversations.IDLE,
            "markdown": conversations.MARKDOWN,
            "rtl": conversations.RTL,
            "hostile": conversations.HOSTILE,
            "huge": conversations.HUGE,
            "long": conversations.LONG,
            "missing": "no-such-session",
        }.items()
    },
    "login": "/login",
    "api": "/docs",
}


@contextmanager
def filled(*assignments: str) -> Iterator[tuple[Pipeline, conversations.Sent]]:
    """Run everything, with the conversations in it, exact."""
    given = ["log.level=warning", f"query.score_definitions={json.dumps(SCORES)}", *assignments]
    with (
        tempfile.TemporaryDirectory(prefix="sessiontrail-gallery-") as folder,
        pipeline(Path(folder), *given) as running,
    ):
        sent = conversations.send(OTLPSpanExporter(endpoint=running.grpc, insecure=True))
        running.wait_for_spans("default", sent.spans, seconds_max=120)
        yield running, sent


def take_pictures(browser: Browser, url: str, folder: Path, pages: dict[str, str]) -> None:
    """Picture the pages, and tell of what goes wrong in them."""
    for name, path in pages.items():
        profile = Profile(browser, url)
        page = profile.page()
        answer = page.goto(path)
        screenshots.take(page, folder, name)
        click.echo(f"{answer.status if answer else '-'} {name}: {path[:100]}")
        for problem in profile.problems:
            click.secho(f"    {problem}", fg="red")
        profile.context.close()


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(path_type=Path), default=Path("gallery"))
@click.option("--url", default="", help="The pages of an instance that runs already.")
@click.option("--serve", is_flag=True, help="Fill one, and keep it running until Ctrl-C.")
@click.option("--set", "assignments", multiple=True, help="A setting of the pipeline, key=value.")
def main(*, folder: Path, url: str, serve: bool, assignments: Sequence[str]) -> None:
    """Do what the module says."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if url:
        _take_all(url, folder, conversations.send(InMemorySpanExporter()))
        return
    with filled(*assignments) as (running, sent):
        click.echo(f"pages at {running.pages}, data in {running.folder}")
        if serve:
            click.echo(f"new code: kill $(cat {running.folder}/run/query.pid)")
            running.process.wait()
            return
        _take_all(running.pages, folder, sent)


def _take_all(url: str, folder: Path, sent: conversations.Sent) -> None:
    trace = {"id": sent.traces[conversations.RESEARCH][1]}
    with sync_playwright() as playwright:
        browser = chromium.launch(playwright)
        take_pictures(browser, url, folder, PAGES | {"trace": f"/trace?{urlencode(trace)}"})
    click.echo(f"pictures in {folder}")


if __name__ == "__main__":
    main()
