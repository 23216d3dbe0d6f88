"""What browser tests share: a browser, and everything running with the conversations in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser import chromium, screenshots
from tests.browser.conversations import Sent
from tests.browser.crowd import crowd
from tests.browser.gallery import filled
from tests.browser.profile import Profile
from tests.processes import Pipeline

# Where pictures go; without it, to where pytest keeps what tests leave.
PICTURES = "BROWSER_PICTURES"


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A running pipeline with the conversations in it. Tests share it: marks stay."""

    pipeline: Pipeline
    sent: Sent

    @property
    def url(self) -> str:
        """Where its pages are."""
        return self.pipeline.pages

    def sessions(self, rest: str = "", **parameters: Any) -> list[str]:
        """Return the ids of the sessions that a condition or an order of SQL finds."""
        sql = f"SELECT SessionId FROM sessions {rest}"
        return [found for (found,) in self.pipeline.store.query(sql, parameters)]


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    """Everything running, filled once."""
    with filled() as (pipeline, sent):
        yield Site(pipeline=pipeline, sent=sent)


@pytest.fixture(scope="session")
def _crowd() -> Iterator[str]:
    return iter([conversation.session_id for conversation in crowd()])


@pytest.fixture
def unmarked(_crowd: Iterator[str]) -> str:
    """An everyday session, that no other test marks."""
    return next(_crowd)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """
    A running Chromium. For one module: while Playwright runs, there is an event loop that other
    modules' asynchronous tests could not have beside theirs.
    """
    with sync_playwright() as playwright:
        yield chromium.launch(playwright)


@pytest.fixture
def new_profile(browser: Browser, site: Site) -> Iterator[Callable[..., Profile]]:
    """Open fresh profiles; the test fails if anything went wrong in one of their pages."""
    with ExitStack() as profiles:
        opened: list[Profile] = []

        def new(**options: Any) -> Profile:
            profile = Profile(browser, site.url, **options)
            profiles.callback(profile.context.close)
            opened.append(profile)
            return profile

        yield new
        for profile in opened:
            profile.check()


@pytest.fixture
def screenshot(tmp_path: Path) -> Callable[[Page, str], None]:
    """Picture a page under a name: desk and phone, day and night."""
    folder = Path(os.environ.get(PICTURES) or tmp_path)
    return lambda page, name: screenshots.take(page, folder, name)
