"""Where pages are, and which sessions a list shows."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from playwright.sync_api import Locator, Page

# The order of sessions that are equal in what a list is ordered by.
OF_EQUALS = "reinterpretAsInt64(sipHash64(SessionId))"


def listing(**filters: Any) -> str:
    """Return where the list is, filtered."""
    return _link("/sessions", filters)


def session(session_id: str, **more: Any) -> str:
    """Return where a session is."""
    return _link("/session", {"id": session_id, **more})


def trace(trace_id: str, **more: Any) -> str:
    """Return where a trace is."""
    return _link("/trace", {"id": trace_id, **more})


def span(trace_id: str, span_id: str) -> str:
    """Return where a span is."""
    return _link("/span", {"trace": trace_id, "id": span_id})


def follow(page: Page, link: Locator) -> None:
    """Click on what leads to another page, and return once that is there."""
    with page.expect_navigation():
        link.click()


def shown(page: Page) -> list[str]:
    """Return the ids of the sessions that a list shows, from top to bottom."""
    links = page.locator("table.sessions a.id")
    hrefs = links.evaluate_all("links => links.map(link => link.href)")
    return [parse_qs(urlsplit(href).query)["id"][0] for href in hrefs]


def _link(path: str, parameters: dict[str, Any]) -> str:
    return f"{path}?{urlencode(parameters, doseq=True)}" if parameters else path
