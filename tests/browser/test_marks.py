"""Bookmarks, scores and comments: made, changed and taken away on the pages, and found by."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import conversations, places
from tests.browser.conftest import Site
from tests.browser.profile import Profile


def _marks(page: Page, section: str) -> Locator:
    return page.locator(f"#{section} .mark")


def _score(page: Page, name: str, kind: str, value: str, *, comment: str = "") -> None:
    page.get_by_text("Another score").click()
    form = page.locator("details.new form")
    form.get_by_label("Name").fill(name)
    form.get_by_label("Type").select_option(kind)
    form.get_by_label("Value").fill(value)
    form.get_by_label("Comment").fill(comment)
    form.get_by_role("button", name="Add score").click()
    page.wait_for_load_state()


def _comment(page: Page, text: str) -> None:
    page.locator("#comments form.new").get_by_label("Comment").fill(text)
    page.get_by_role("button", name="Comment", exact=True).click()


def test_a_bookmark_is_set_in_the_list_and_in_the_session(
    new_profile: Callable[..., Profile], unmarked: str
) -> None:
    """Each shows what the other did; the list stays where it was."""
    page = new_profile().open(places.listing(q=unmarked, sort="cost"))
    page.locator("tbody").get_by_role("button").click()
    expect(page.locator("tbody").get_by_role("button", pressed=True)).to_be_visible()
    assert "sort=cost" in page.url
    page.goto(places.listing(bookmarked="true"))
    assert unmarked in places.shown(page)
    page.goto(places.session(unmarked))
    page.locator("#bookmark[aria-pressed=true]").click()
    expect(page.locator("#bookmark")).to_have_attribute("aria-pressed", "false")
    page.goto(places.listing(bookmarked="false", q=unmarked))
    assert places.shown(page) == [unmarked]


def test_scores_are_given_as_they_are_defined(
    new_profile: Callable[..., Profile], unmarked: str
) -> None:
    """A field for each kind: a number, yes or no, a category, a text."""
    page = new_profile().open(places.session(unmarked))
    for name, value in {
        "helpful": "0.75",
        "resolved": "no",
        "tone": "<b>rude</b>",
        "summary": "they <b>left</b>",
    }.items():
        form = page.locator("form.new.score").filter(has_text=name)
        if (choice := form.get_by_role("combobox", name=name)).count():
            choice.select_option(label=value)
        else:
            form.get_by_label(name).fill(value)
        form.get_by_role("button", name="Score").click()
        expect(_marks(page, "scores").filter(has_text=name)).to_have_count(1)
    expect(_marks(page, "scores").locator(".value")).to_have_text(
        ["helpful 0.75 ", "resolved no ", "tone <b>rude</b> ", "summary they <b>left</b> "]
    )
    page.goto(places.listing(q=unmarked))
    expect(page.locator(".scores .chip")).to_contain_text(
        ["helpful 0.75", "resolved no", "summary"]
    )


def test_a_score_of_any_name_is_given_changed_and_removed(
    new_profile: Callable[..., Profile], unmarked: str
) -> None:
    """With a comment; who changed it when is told."""
    page = new_profile().open(places.session(unmarked))
    _score(page, "accuracy", "NUMERIC", "3.5", comment="of five")
    mark = _marks(page, "scores")
    expect(mark).to_contain_text("accuracy 3.5")
    expect(mark).to_contain_text("of five")
    expect(mark).to_contain_text("anonymous · just now")
    mark.get_by_text("edit").click()
    mark.get_by_label("Value").fill("4")
    mark.get_by_role("button", name="Save").click()
    expect(mark).to_contain_text("accuracy 4")
    expect(mark.get_by_text("edited")).to_be_visible()
    mark.get_by_text("edit", exact=True).click()
    mark.get_by_role("button", name="remove").click()
    expect(mark).to_have_count(0)


def test_a_comment_is_made_changed_and_removed(
    new_profile: Callable[..., Profile], unmarked: str
) -> None:
    """It stays as it was written, lines and all."""
    page = new_profile().open(places.session(unmarked))
    _comment(page, "First line\n  second <i>line</i>")
    mark = _marks(page, "comments")
    expect(mark.locator(".text")).to_have_text("First line\n  second <i>line</i>")
    mark.get_by_text("edit").click()
    mark.get_by_label("Comment").fill("Changed my mind")
    mark.get_by_role("button", name="Save").click()
    expect(mark.locator(".text")).to_have_text("Changed my mind")
    page.goto(places.listing(q=unmarked, commented="true"))
    expect(page.get_by_title("1 comment")).to_be_visible()
    page.goto(places.session(unmarked))
    mark.get_by_text("edit", exact=True).click()
    mark.get_by_role("button", name="remove").click()
    expect(mark).to_have_count(0)
    page.goto(places.listing(q=unmarked, commented="true"))
    assert places.shown(page) == []


def test_marks_on_a_trace_and_a_span_belong_to_the_session(
    site: Site, new_profile: Callable[..., Profile], unmarked: str
) -> None:
    """They are made where the trace or the span is, and seen where the session is."""
    trace = site.sent.traces[unmarked][0]
    page = new_profile().open(places.trace(trace))
    page.get_by_label("helpful").fill("1")
    page.locator("form.new.score", has_text="helpful").get_by_role("button").click()
    expect(_marks(page, "scores")).to_contain_text("helpful 1")
    page.locator(".row").last.click()
    expect(page.locator("#detail .span-detail")).to_be_visible()
    page.goto(page.locator(".row").last.evaluate("row => row.href"))
    _comment(page, "This span is slow")
    expect(_marks(page, "comments")).to_contain_text("This span is slow")
    expect(_marks(page, "scores")).to_have_count(0)
    page.goto(places.session(unmarked))
    expect(page.locator(".turn").first.locator(".chip.score")).to_have_text("helpful 1")
    _marks(page, "comments").get_by_role("link", name="span").click()
    expect(_marks(page, "comments")).to_contain_text("This span is slow")


def test_a_mark_on_a_turn_leads_to_it(site: Site, new_profile: Callable[..., Profile]) -> None:
    """Wherever the turn is: on this page, or on one that begins with it."""
    trace = site.sent.traces[conversations.LONG][41]
    page = new_profile().open(places.trace(trace))
    _comment(page, "Here they gave up")
    page.goto(places.session(conversations.LONG))
    chip = _marks(page, "comments").get_by_role("link", name="turn")
    places.follow(page, chip)
    expect(page.locator(".turn .number").first).to_have_text("42")
    expect(page.locator(".turn").first).to_be_in_viewport()
    expect(chip).to_have_attribute("href", f"#t-{trace}")


def test_a_defined_range_is_told_before_a_value_is_refused(
    new_profile: Callable[..., Profile], unmarked: str
) -> None:
    """In the field itself."""
    page = new_profile().open(places.session(unmarked))
    expect(page.get_by_label("helpful")).to_have_attribute("placeholder", "0 to 1")


def test_several_booleans_are_a_share_in_the_list(
    site: Site, new_profile: Callable[..., Profile], unmarked: str
) -> None:
    """One is yes or no, in the words of the session's page."""
    page = new_profile().page()
    for given, told in ((True, "yes"), (True, "yes"), (False, "67% yes")):
        subject = {"session_id": unmarked, "name": "resolved", "value": given}
        assert page.request.post(f"{site.url}/api/v1/scores", data=subject).ok
        page.goto(places.listing(q=unmarked))
        expect(page.locator(".scores .chip")).to_have_text(f"resolved {told}")


def test_the_list_is_filtered_by_marks(new_profile: Callable[..., Profile], unmarked: str) -> None:
    """Bookmarks, words of comments, and scores: numbers compared, categories and booleans equal."""
    page = new_profile().open(places.session(unmarked))
    _score(page, "grade", "NUMERIC", "0.4")
    _score(page, "mood", "CATEGORICAL", "wistful")
    _score(page, "answered", "BOOLEAN", "true")
    expect(_marks(page, "scores")).to_have_count(3)
    _comment(page, "See the Zugspitze ticket")
    expect(_marks(page, "comments")).to_have_count(1)
    page.goto(places.listing(q=unmarked))
    page.get_by_label("Score").fill("grade>=0.4")
    page.get_by_label("Comment contains").fill("zugspitze")
    page.get_by_role("button", name="Apply").click()
    expect(page.locator(".removable")).to_have_count(3)
    assert places.shown(page) == [unmarked]
    for filters, is_found in (
        ({"score": "grade < 0.5"}, True),
        ({"score": "grade>0.4"}, False),
        ({"score": ["mood=wistful", "answered=true"]}, True),
        ({"score": ["mood!=wistful", "answered"]}, False),
        ({"comment": "Matterhorn"}, False),
    ):
        page.goto(places.listing(q=unmarked, **filters))
        assert places.shown(page) == ([unmarked] if is_found else []), filters


@pytest.mark.parametrize(
    ("name", "kind", "value", "told"),
    [
        ("helpful", "NUMERIC", "1.5", "the score 'helpful' must be 1 or less"),
        ("tone", "CATEGORICAL", "so-so", "must be one of: friendly, cold, <b>rude</b>"),
        ("helpful", "TEXT", "very", "'helpful' is defined as NUMERIC, not as TEXT"),
        ("free", "NUMERIC", "many", "the score 'free' is NUMERIC: 'many' is no number"),
        ("free", "BOOLEAN", "perhaps", "'perhaps' is none of true, false, 1, 0"),
    ],
)
def test_a_value_that_cannot_be_is_explained(
    new_profile: Callable[..., Profile], name: str, kind: str, value: str, told: str
) -> None:
    """And nothing is stored."""
    page = new_profile().open(places.session(conversations.IDLE))
    _score(page, name, kind, value)
    expect(page.locator("main")).to_contain_text(told)
    page.goto(places.session(conversations.IDLE))
    expect(_marks(page, "scores")).to_have_count(0)
