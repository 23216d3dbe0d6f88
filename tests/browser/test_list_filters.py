"""The filters of the list: by the form, in a link that is passed on, and taken off again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser import conversations, places
from tests.browser.conftest import Site
from tests.browser.profile import Profile

Form = Callable[[Page], None]


def _check(group: str, *values: str) -> Form:
    def check(page: Page) -> None:
        for value in values:
            page.get_by_role("group", name=group).get_by_label(value, exact=True).check()

    return check


def _between(group: str, low: str, high: str) -> Form:
    def fill(page: Page) -> None:
        page.get_by_role("group", name=group).get_by_label("from").fill(low)
        page.get_by_role("group", name=group).get_by_label("to").fill(high)

    return fill


# How each is filled in, and which sessions that is in SQL.
FILTERS: dict[str, tuple[Form, str]] = {
    "text of an input": (
        lambda page: page.get_by_label("Text").fill("CHARGED twice"),
        "FirstInput ILIKE '%charged twice%'",
    ),
    "text of an id": (
        lambda page: page.get_by_label("Text").fill("رحلة"),
        "SessionId LIKE '%رحلة%'",
    ),
    "errors": (lambda page: page.get_by_label("With errors").check(), "ErrorCount > 0"),
    "environments": (
        _check("Environment", "staging", "development"),
        "hasAny(Environments, ['staging', 'development'])",
    ),
    "model": (_check("Model", "gpt-4o"), "has(Models, 'gpt-4o')"),
    "tag": (_check("Tag", "✈️"), "has(Tags, '✈️')"),
    "service": (_check("Service", "billing-api"), "has(Services, 'billing-api')"),
    "user": (lambda page: page.get_by_label("User").fill("李雷"), "has(UserIds, '李雷')"),
    "duration": (
        _between("Duration", "60.5", "180"),
        "Duration BETWEEN 60500000000 AND 180000000000",
    ),
    "traces": (_between("Traces", "3", "6"), "TraceCount BETWEEN 3 AND 6"),
    "tokens": (_between("Tokens", "500", "2000"), "TotalTokens BETWEEN 500 AND 2000"),
    "cost": (_between("Cost", "0.001", "0.01"), "Cost BETWEEN 0.001 AND 0.01"),
}


@pytest.mark.parametrize("kind", FILTERS)
def test_each_filter_finds_its_sessions(
    site: Site, new_profile: Callable[..., Profile], kind: str
) -> None:
    """By the form, in the order that was asked for."""
    fill, condition = FILTERS[kind]
    page = new_profile().open("/sessions")
    fill(page)
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".removable").first).to_be_visible()
    expected = site.sessions(
        f"WHERE {condition} ORDER BY EndTime DESC, {places.OF_EQUALS} DESC LIMIT 50"
    )
    assert expected
    assert len(expected) < 50
    assert places.shown(page) == expected


def test_the_link_of_a_filtered_list_can_be_passed_on(
    new_profile: Callable[..., Profile],
) -> None:
    """Somebody else sees the same rows, and the form as it was filled in."""
    page = new_profile().open("/sessions")
    for kind in ("model", "tokens", "errors"):
        FILTERS[kind][0](page)
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".removable")).to_have_count(4)
    page.get_by_role("columnheader", name="Cost").get_by_role("link").click()
    expect(page.get_by_role("columnheader", name="Cost")).to_have_attribute(
        "aria-sort", "descending"
    )
    theirs = new_profile().open(page.url)
    assert places.shown(page) == places.shown(theirs) != []
    assert theirs.get_by_label("gpt-4o", exact=True).is_checked()
    assert theirs.get_by_role("group", name="Tokens").get_by_label("from").input_value() == "500"


def test_times_are_filtered_by_the_form(site: Site, new_profile: Callable[..., Profile]) -> None:
    """Sessions that were active in between, however they lie over its borders."""
    [[start]] = site.pipeline.store.query(
        "SELECT StartTime FROM sessions WHERE SessionId = {id:String}",
        {"id": conversations.SUPPORT},
    )
    high = start.replace(tzinfo=UTC)
    low = high - timedelta(minutes=110)
    page = new_profile().open("/sessions")
    _between("Between", low.isoformat(), high.isoformat())(page)
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".removable")).to_have_count(2)
    expected = site.sessions(
        "WHERE EndTime >= {low:DateTime64(6)} AND StartTime < {high:DateTime64(6)}"
        f" ORDER BY EndTime DESC, {places.OF_EQUALS} DESC",
        low=low,
        high=high,
    )
    assert places.shown(page) == expected
    assert conversations.IDLE in expected
    assert conversations.SUPPORT not in expected


def test_recent_sessions_are_those_of_now(site: Site, new_profile: Callable[..., Profile]) -> None:
    """The choice of how far back counts from when the page is opened."""
    page = new_profile().open("/sessions")
    page.get_by_label("Active within").select_option(label="1 hour")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".removable")).to_contain_text(["last: 1h"])
    found = set(places.shown(page))
    surely, perhaps = (
        set(site.sessions(f"WHERE EndTime > now() - INTERVAL {minutes} MINUTE"))
        for minutes in (58, 61)
    )
    assert surely
    assert surely <= found <= perhaps


def test_filters_hold_together_and_come_off_one_by_one(
    site: Site, new_profile: Callable[..., Profile]
) -> None:
    """Each has a chip; taking one off keeps the others, and the order."""
    condition = "ErrorCount > 0 AND has(Environments, 'production')"
    page = new_profile().open(places.listing(sort="-tokens"))
    page.get_by_label("With errors").check()
    _check("Environment", "production", "staging")(page)
    page.get_by_role("button", name="Apply").click()
    chips = page.locator(".removable")
    expect(chips).to_have_count(3)
    chips.filter(has_text="environment: staging").click()
    expect(chips).to_have_count(2)
    assert places.shown(page) == site.sessions(f"WHERE {condition} ORDER BY TotalTokens DESC")
    chips.filter(has_text="environment: production").click()
    expect(chips).to_contain_text(["errors"])
    expect(page.get_by_label("With errors")).to_be_checked()
    assert parse_qs(urlsplit(page.url).query) == {"errors": ["true"], "sort": ["-tokens"]}
    page.get_by_role("link", name="Clear").click()
    expect(chips).to_have_count(0)


def test_nothing_that_matches_is_said_so(new_profile: Callable[..., Profile]) -> None:
    """With the filters still there, and a way out."""
    page = new_profile().open(places.listing(q="no session says this", user="nobody"))
    expect(page.get_by_role("heading", name="No session matches")).to_be_visible()
    expect(page.get_by_label("Text")).to_have_value("no session says this")
    expect(page.get_by_label("User")).to_have_value("nobody")
    places.follow(page, page.get_by_role("link", name="Show all sessions"))
    assert places.shown(page)


@pytest.mark.parametrize(
    ("filters", "told"),
    [
        ({"last": "soon"}, "last: write how far back, such as 30m, 24h or 7d"),
        ({"colour": "red"}, "colour: there is nothing of that name"),
        ({"score": "helpful>=much"}, "compares with 'much', which is no number"),
        ({"cursor": "!"}, "ask for the first page again"),
        ({"tokens_min": "-1"}, "tokens_min: Input should be greater than or equal to 0"),
    ],
)
def test_a_filter_that_is_none_is_explained(
    new_profile: Callable[..., Profile], filters: dict[str, str], told: str
) -> None:
    """A wrong link says what is wrong with it, and leads on."""
    page = new_profile().open(places.listing(**filters))
    expect(page.locator("main")).to_contain_text(told)
    places.follow(page, page.get_by_role("link", name="To the sessions"))
    assert places.shown(page)
