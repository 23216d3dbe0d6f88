"""A browser profile whose pages are watched: whatever goes wrong in one fails the test."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Dialog,
    Page,
    Request,
    Response,
    WebError,
)

_TIMEOUT_MS = 10_000
# Chromium tells of violations on the console too, but not of those in a report-only policy.
_TELL_OF_VIOLATIONS = """
document.addEventListener("securitypolicyviolation", (event) =>
    console.error(`CSP: ${event.effectiveDirective} ${event.blockedURI} ${event.sample}`));
"""


class Profile:
    """
    A profile of its own: no cookies but those that it gets.

    `problems` are what a page must not do: errors on the console, uncaught exceptions, violations
    of the content security policy, dialogs, requests to other hosts, and parts of a page that are
    answered with an error. A page that is an error itself is none; its test looks at the status.
    """

    def __init__(self, browser: Browser, base_url: str, **options: Any) -> None:
        self.problems: list[str] = []
        self._host = urlsplit(base_url).netloc
        self.context = browser.new_context(base_url=base_url, locale="en-GB", **options)
        self.context.set_default_timeout(_TIMEOUT_MS)
        self.context.add_init_script(_TELL_OF_VIOLATIONS)
        self.context.on("console", self._on_console)
        self.context.on("weberror", self._on_error)
        self.context.on("request", self._on_request)
        self.context.on("response", self._on_response)
        self.context.on("dialog", self._on_dialog)

    def page(self) -> Page:
        """Open a new tab."""
        return self.context.new_page()

    def open(self, path: str) -> Page:
        """Open a page in a new tab."""
        page = self.page()
        page.goto(path)
        return page

    def check(self) -> None:
        """Fail if anything went wrong so far."""
        assert self.problems == []

    def _on_console(self, message: ConsoleMessage) -> None:
        # A failed request is told of by its response.
        if message.type == "error" and not message.text.startswith("Failed to load resource"):
            self.problems.append(f"console: {message.text}")

    def _on_error(self, error: WebError) -> None:
        self.problems.append(f"exception: {error.error}")

    def _on_request(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme in {"http", "https"} and url.netloc != self._host:
            self.problems.append(f"request to another host: {request.url}")

    def _on_response(self, response: Response) -> None:
        if response.status >= 400 and not response.request.is_navigation_request():
            self.problems.append(f"{response.status}: {response.url}")

    def _on_dialog(self, dialog: Dialog) -> None:
        self.problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()
