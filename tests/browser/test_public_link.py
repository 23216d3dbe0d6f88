"""Public links: one session, read-only, for whoever has the link, until it is revoked."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser import conversations, places
from tests.browser.conftest import Site
from tests.browser.profile import Profile

# What a page leads to or loads, by itself or by a click.
_LEADS = """
elements => elements.flatMap(element => ["href", "src", "action", "hx-get", "hx-post", "data-copy"]
    .filter(name => element.hasAttribute(name)).map(name => element.getAttribute(name)))
"""


def publish(page: Page, session_id: str, *, hides_content: bool = False, days: str = "") -> str:
    """Publish a session and return its link."""
    page.goto(places.session(session_id))
    form = page.locator("#share form.new")
    form.get_by_label("Valid").select_option(days)
    form.get_by_label("Hide inputs and outputs").set_checked(hides_content)
    form.get_by_role("button", name="Publish a link").click()
    return page.get_by_label("Public link").input_value()


def test_a_link_opens_the_session_for_anybody_to_read(
    new_profile: Callable[..., Profile],
) -> None:
    """In a browser that has no cookies; found by no search engine."""
    link = publish(new_profile().page(), conversations.SUPPORT)
    assert re.fullmatch(r"http://[^/]+/shared/[\w-]{43}", link)
    page = new_profile().page()
    answer = page.goto(link)
    assert answer is not None
    assert "noindex" in answer.headers["x-robots-tag"]
    expect(page.locator("meta[name=robots]")).to_have_attribute("content", re.compile("noindex"))
    expect(page.get_by_role("heading", level=1)).to_have_text(conversations.SUPPORT)
    expect(page.locator(".turn")).to_have_count(6)
    expect(page.locator(".turn").first).to_contain_text("where is my order NL-20417?")
    page.locator("details.spans > summary").first.click()
    expect(page.locator(".turn").first.locator(".row")).to_have_count(4)


def test_a_shared_page_leads_nowhere_else(site: Site, new_profile: Callable[..., Profile]) -> None:
    """No form, no link but to itself and to what was said, and no other session's id."""
    link = publish(new_profile().page(), conversations.LONG)
    page = new_profile().open(link)
    path = urlsplit(link).path
    expect(page.locator("form, input, select, textarea")).to_have_count(0)
    for lead in page.locator("*").evaluate_all(_LEADS):
        assert lead.startswith(("#", f"{path}?", "/static/")), lead
    text = page.content()
    for session_id in site.sessions("WHERE SessionId != {id:String}", id=conversations.LONG):
        assert session_id not in text
    for trace in site.sent.traces[conversations.SUPPORT]:
        assert trace not in text


def test_a_long_shared_session_has_all_its_turns(new_profile: Callable[..., Profile]) -> None:
    """In place, or where there are no scripts, on pages of their own."""
    link = publish(new_profile().page(), conversations.LONG)
    page = new_profile().open(link)
    page.get_by_role("link", name="More turns").click()
    expect(page.locator(".turn")).to_have_count(40)
    page = new_profile(java_script_enabled=False).open(link)
    page.get_by_role("link", name="More turns").click()
    expect(page.locator(".turn .number").first).to_have_text("21")
    expect(page.locator("meta[name=robots]")).to_have_count(1)


def test_what_was_said_can_be_hidden(new_profile: Callable[..., Profile]) -> None:
    """Inputs, outputs and error messages are not even in the source of the page."""
    link = publish(new_profile().page(), conversations.ERRORS, hides_content=True)
    page = new_profile().open(link)
    expect(page.locator(".turn")).to_have_count(3)
    expect(page.locator(".turn").first).to_contain_text("Inputs and outputs are hidden")
    source = page.content()
    for said in ("Set up a team", "It worked this time", "crm.internal", "Too Many", "li.wei"):
        assert said not in source


def test_a_revoked_link_is_dead_at_once(new_profile: Callable[..., Profile], unmarked: str) -> None:
    """For those as well who have it open; the others of the session live on."""
    owner = new_profile().page()
    kept, revoked = publish(owner, unmarked), publish(owner, unmarked)
    theirs = new_profile().open(revoked)
    expect(theirs.locator(".turn").first).to_be_visible()
    owner.goto(places.session(unmarked))
    expect(owner.locator("#share .mark")).to_have_count(2)
    owner.locator("#share .mark").first.get_by_role("button", name="revoke").click()
    expect(owner.locator("#share .mark")).to_have_count(1)
    assert _status(theirs, revoked) == 404
    expect(theirs.locator("main")).to_contain_text("this link opens nothing")
    expect(theirs.get_by_role("link", name="SessionTrail")).to_have_count(0)
    expect(theirs.get_by_role("link", name="To the sessions")).to_have_count(0)
    assert _status(theirs, kept) == 200


def test_an_expired_link_is_dead(
    site: Site, new_profile: Callable[..., Profile], unmarked: str
) -> None:
    """It tells no more than a link that never was."""
    owner = new_profile().page()
    link = publish(owner, unmarked, days="1")
    owner.goto(places.session(unmarked))
    expect(owner.locator("#share .mark")).to_contain_text("Whole session, until")
    theirs = new_profile().page()
    assert _status(theirs, link) == 200
    # A day goes by.
    site.pipeline.store.command(
        "INSERT INTO shares_data SELECT * REPLACE (ExpiresAt - INTERVAL 2 DAY AS ExpiresAt,"
        " Version + INTERVAL 1 SECOND AS Version) FROM shares_data FINAL"
        " WHERE SessionId = {id:String}",
        {"id": unmarked},
    )
    assert _status(theirs, link) == 404
    expired = theirs.locator("main").inner_text()
    assert _status(theirs, f"{link[:-4]}AAAA") == 404
    assert theirs.locator("main").inner_text() == expired


@pytest.mark.parametrize("token", ["x", "..%2f..%2fsessions", "%00", "'--", "a" * 5000])
def test_a_token_that_is_none_opens_nothing(
    new_profile: Callable[..., Profile], token: str
) -> None:
    """Whatever it is made of."""
    assert _status(new_profile().page(), f"/shared/{token}") == 404


def _status(page: Page, link: str) -> Any:
    answer = page.goto(link)
    return answer.status if answer else None
