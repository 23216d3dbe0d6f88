"""What scripts add to the pages: keys, and a choice between dark and light."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser import conversations, places
from tests.browser.profile import Profile


def _focused(page: Page, selector: str) -> int:
    """Return the place of the focused element, or of the one that it is in, among others."""
    index: int = page.locator(selector).evaluate_all(
        "(all, selector) => all.indexOf(document.activeElement.closest(selector))", selector
    )
    return index


def test_j_and_k_walk_through_the_turns(new_profile: Callable[..., Profile]) -> None:
    """However fast the keys are pressed, and to the very last turn."""
    page = new_profile().open(places.session(conversations.SUPPORT))
    walk = []
    for key in "jjkjjjjjk":
        page.keyboard.press(key)
        walk.append(_focused(page, ".turn"))
    assert walk == [0, 1, 0, 1, 2, 3, 4, 5, 4]
    expect(page.locator(".turn").nth(4)).to_be_in_viewport()


def test_keys_go_on_from_where_one_has_scrolled_to(new_profile: Callable[..., Profile]) -> None:
    """Not from where they had been before."""
    page = new_profile().open(places.session(conversations.LONG))
    page.keyboard.press("j")
    page.locator(".turn").nth(15).evaluate("turn => turn.scrollIntoView()")
    page.keyboard.press("j")
    assert _focused(page, ".turn") >= 15


def test_j_walks_through_the_list_and_enter_opens(new_profile: Callable[..., Profile]) -> None:
    """Row by row."""
    page = new_profile().open("/sessions")
    for _ in range(3):
        page.keyboard.press("j")
    assert _focused(page, "tbody tr") == 2
    third = places.shown(page)[2]
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text(third)


def test_n_goes_from_error_to_error(new_profile: Callable[..., Profile]) -> None:
    """Also into trees that are folded, and p goes back."""
    page = new_profile().open(places.session(conversations.ERRORS))
    expect(page.locator(".row.error").first).to_be_hidden()
    walk = []
    for key in "nnnnp":
        page.keyboard.press(key)
        walk.append(_focused(page, ".row.error"))
    assert walk == [0, 1, 2, 3, 2]
    expect(page.locator(".row.error").nth(2)).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator(".turn .detail .failure")).to_contain_text("429 Too Many Requests")


def test_the_first_error_can_be_clicked_to(new_profile: Callable[..., Profile]) -> None:
    """With scripts or without: it is a link into the page."""
    page = new_profile().open(places.session(conversations.ERRORS))
    page.get_by_role("link", name="first error").click()
    expect(page.locator(".row.error").first).to_be_in_viewport()


def test_slash_searches_and_escape_leaves(new_profile: Callable[..., Profile]) -> None:
    """On the list and in a session; what is typed there is text, not keys."""
    page = new_profile().open("/sessions")
    for path in ("/sessions", places.session(conversations.SUPPORT)):
        page.goto(path)
        page.keyboard.press("/")
        search = page.locator("#search")
        expect(search).to_be_focused()
        page.keyboard.type("jt/b")
        expect(search).to_have_value("jt/b")
        page.keyboard.press("Escape")
        expect(search).not_to_be_focused()


def test_b_bookmarks(new_profile: Callable[..., Profile], unmarked: str) -> None:
    """And takes the bookmark off."""
    page = new_profile().open(places.session(unmarked))
    for pressed in ("true", "false"):
        page.keyboard.press("b")
        expect(page.locator("#bookmark")).to_have_attribute("aria-pressed", pressed)


def test_pages_are_dark_or_light_as_the_system_is(new_profile: Callable[..., Profile]) -> None:
    """Until somebody chooses; the choice stays, in new tabs as well."""
    profile = new_profile(color_scheme="dark")
    page = profile.open("/sessions")
    dark = _paper(page)
    page.emulate_media(color_scheme="light")
    light = _paper(page)
    assert _brightness(dark) < 60
    assert _brightness(light) > 200
    page.keyboard.press("t")
    assert _paper(page) == dark
    page.reload()
    assert _paper(page) == dark
    assert _paper(profile.open(places.session(conversations.SUPPORT))) == dark
    page.get_by_role("button", name="Switch between dark and light").click()
    assert _paper(page) == light


def _paper(page: Page) -> list[int]:
    colour: list[int] = page.evaluate(
        "getComputedStyle(document.body).backgroundColor.match(/[0-9]+/g).map(Number)"
    )
    return colour


def _brightness(colour: list[int]) -> float:
    return sum(colour) / 3
