"""Every page is for everybody: by ear, by keys, on a phone, and without scripts."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.browser import accessibility, conversations, places
from tests.browser.conftest import Site
from tests.browser.profile import Profile
from tests.browser.test_public_link import publish

_FIGURES = ("Traces", "Duration", "Tokens", "Cost", "Errors")


@pytest.fixture(scope="module")
def paths(site: Site) -> dict[str, str]:
    """One page of each kind, with everything on it that it can have."""
    trace = site.sent.traces[conversations.ERRORS][0]
    [[span]] = site.pipeline.store.query(
        "SELECT SpanId FROM spans WHERE TraceId = {id:String} AND StatusCode = 'Error'"
        " ORDER BY Timestamp LIMIT 1",
        {"id": trace},
    )
    return {
        "list": places.listing(limit=100),
        "filtered list": places.listing(environment="staging", errors="true"),
        "empty list": places.listing(q="nobody says this"),
        "session": places.session(conversations.SUPPORT),
        "failed session": places.session(conversations.ERRORS, errors="true"),
        "session of markdown": places.session(conversations.MARKDOWN),
        "session from right to left": places.session(conversations.RTL),
        "hostile session": places.session(conversations.HOSTILE),
        "huge session": places.session(conversations.HUGE),
        "trace": places.trace(site.sent.traces[conversations.RESEARCH][1]),
        "hostile trace": places.trace(site.sent.traces[conversations.HOSTILE][3]),
        "span": places.span(trace, span),
        "error": places.session("no-such-session"),
    }


def test_pages_can_be_listened_to(
    paths: dict[str, str], new_profile: Callable[..., Profile]
) -> None:
    """Each field has a label, each button and link a name, and headings are in order."""
    page = new_profile().page()
    found = {}
    for name, path in paths.items():
        page.goto(path)
        found[name] = accessibility.problems(page)
    link = publish(page, conversations.IDLE)
    found["published"] = accessibility.problems(page)
    page.goto(link)
    found["shared"] = accessibility.problems(page)
    page.goto(places.session(conversations.RESEARCH))
    for turn in page.locator(".turn").all()[:2]:
        turn.locator("details.spans > summary").click()
        turn.locator(".row").first.click()
        expect(turn.locator(".span-detail")).to_be_visible()
    found["session with open spans"] = accessibility.problems(page)
    assert {name: told for name, told in found.items() if told} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out(
    paths: dict[str, str], new_profile: Callable[..., Profile], scheme: str
) -> None:
    """By day and by night, as WCAG 2.2 AA wants it."""
    page = new_profile(color_scheme=scheme).page()
    found = {}
    for name in ("filtered list", "failed session", "session of markdown", "trace", "span"):
        page.goto(paths[name])
        found[name] = accessibility.weak_texts(page)
    assert {name: told for name, told in found.items() if told} == {}


@pytest.mark.parametrize("width", [390, 320])
def test_pages_fit_a_phone(
    paths: dict[str, str], new_profile: Callable[..., Profile], width: int
) -> None:
    """What is wide scrolls by itself; the page does not."""
    page = new_profile(viewport={"width": width, "height": 844}, has_touch=True).page()
    found = {}
    for name, path in paths.items():
        page.goto(path)
        found[name] = page.evaluate("document.documentElement.scrollWidth")
    assert {name: wide for name, wide in found.items() if wide > width} == {}


def test_nothing_of_the_list_is_out_of_sight_on_a_phone(
    paths: dict[str, str], new_profile: Callable[..., Profile]
) -> None:
    """No row scrolls sideways, and each figure says what it is of; the headers still sort."""
    page = new_profile(viewport={"width": 400, "height": 844}, has_touch=True).page()
    page.goto(paths["list"])
    table = page.locator("table.sessions")
    cut = table.locator("td, .chip, time, th a").evaluate_all(
        "all => all.filter(e => e.checkVisibility() && e.getBoundingClientRect().right > 400)"
        ".map(e => e.outerHTML.slice(0, 160))"
    )
    assert cut == []
    for row in table.locator("tbody tr").all()[:5]:
        for seen in (row.locator(".status"), *row.locator("td.n").all()):
            expect(seen).to_be_visible()
        labels = row.locator("td.n").evaluate_all(
            "all => all.map(e => getComputedStyle(e, '::before').content)"
        )
        assert labels == [f'"{name} "' for name in _FIGURES]
    places.follow(page, table.get_by_role("link", name="Errors"))
    assert "sort=-errors" in page.url


def test_keys_reach_everything_and_one_sees_where_one_is(
    new_profile: Callable[..., Profile],
) -> None:
    """The first stop skips to the content."""
    page = new_profile().open(places.listing(q=conversations.SUPPORT))
    stops = accessibility.tabbed(page, 90)
    assert all(is_seen for element, is_seen in stops if element)
    assert 'class="skip"' in stops[0][0]
    visited = "".join(element for element, _ in stops)
    for control in ('name="q"', "Apply", "sort=", 'class="id"', "<summary>Export", "live"):
        assert control in visited, control
    page.goto(places.session(conversations.ERRORS))
    stops = accessibility.tabbed(page, 60)
    assert all(is_seen for element, is_seen in stops if element)
    visited = "".join(element for element, _ in stops)
    for control in ('id="bookmark"', 'id="search"', "spans</summary>", "<textarea", "Publish"):
        assert control in visited, control
    page.goto("/sessions")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_in_viewport()


def test_everything_works_without_scripts(
    site: Site, new_profile: Callable[..., Profile], unmarked: str
) -> None:
    """Filter, sort, open, bookmark, score, comment, look at spans, go on to the next turns."""
    page = new_profile(java_script_enabled=False).open("/sessions")
    page.get_by_text("Filters").click()
    page.get_by_label("With errors").check()
    places.follow(page, page.get_by_role("button", name="Apply"))
    by_tokens = page.get_by_role("columnheader", name="Tokens").get_by_role("link")
    places.follow(page, by_tokens)
    assert places.shown(page) == site.sessions(
        f"WHERE ErrorCount > 0 ORDER BY TotalTokens DESC, {places.OF_EQUALS} DESC LIMIT 50"
    )
    page.goto(places.listing(q=unmarked))
    page.locator("tbody").get_by_role("button").click()
    page.locator("a.id").click()
    expect(page.locator("#bookmark")).to_have_attribute("aria-pressed", "true")
    page.get_by_label("helpful").fill("0.5")
    page.locator("form.new.score").first.get_by_role("button").click()
    expect(page.locator("#scores .mark")).to_contain_text("helpful 0.5")
    page.locator("#comments form.new").get_by_label("Comment").fill("Seen")
    page.get_by_role("button", name="Comment", exact=True).click()
    expect(page.locator("#comments .mark")).to_contain_text("Seen")
    page.locator("details.spans > summary").first.click()
    page.locator(".row").first.click()
    expect(page.locator(".span-detail")).to_be_visible()
    page.goto(places.session(conversations.LONG))
    page.get_by_role("link", name="More turns").click()
    expect(page.locator(".turn .number").first).to_have_text("21")
    expect(page.locator(".turn")).to_have_count(20)
    # What only scripts do is not offered.
    expect(page.locator("[data-copy], [data-theme-toggle]").first).to_be_hidden()
