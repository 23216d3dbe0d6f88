"""The list of sessions, as people use it: figures, order, pages, exports."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser import conversations, places
from tests.browser.conftest import Site
from tests.browser.profile import Profile

PAGE = 50
# The columns to sort by, and what of a session each shows.
COLUMNS = {
    "Session": "SessionId",
    "Last active": "EndTime",
    "Traces": "TraceCount",
    "Duration": "Duration",
    "Tokens": "TotalTokens",
    "Cost": "Cost",
    "Errors": "ErrorCount",
}


def test_the_root_is_the_list_with_the_latest_first(
    site: Site, new_profile: Callable[..., Profile]
) -> None:
    """Whoever opens the bare address sees the sessions."""
    page = new_profile().open("/")
    expect(page).to_have_title("Sessions · SessionTrail")
    assert places.shown(page) == site.sessions(
        f"ORDER BY EndTime DESC, {places.OF_EQUALS} DESC LIMIT {PAGE}"
    )


def test_each_row_tells_the_figures_of_its_session(
    site: Site, new_profile: Callable[..., Profile]
) -> None:
    """As the views have them."""
    page = new_profile().open("/sessions")
    rows = site.pipeline.store.query(
        "SELECT SessionId, TraceCount, InputTokens, OutputTokens, ErrorCount, Tags, UserIds"
        " FROM sessions"
    )
    stored = {session: figures for session, *figures in rows}
    for session, row in zip(places.shown(page), page.locator("tbody tr").all(), strict=True):
        traces, tokens_in, tokens_out, errors, tags, users = stored[session]
        cells = row.locator("td").all_inner_texts()
        assert cells[4] == str(traces)
        assert row.get_by_title(f"{tokens_in:,} in, {tokens_out:,} out").count() == 1
        assert cells[8] == str(errors)
        assert row.locator(".chip.tag").all_inner_texts() == tags[:6]
        assert all(user[:9] in cells[3] for user in users)


def test_a_row_says_what_a_person_looks_for(new_profile: Callable[..., Profile]) -> None:
    """Figures in units, how long ago, what was asked first, and the whole of it on demand."""
    page = new_profile().open(places.listing(q=conversations.SUPPORT))
    row = page.locator("tbody tr")
    expect(row.locator(".preview")).to_contain_text("Hi, where is my order NL-20417?")
    expect(row.locator("time")).to_have_text(re.compile(r"^(\d+ min|1 h) ago$"))
    expect(row).to_contain_text("3 min 39 s")
    expect(row).to_contain_text("3.1k")
    expect(row).to_contain_text("$0.0095")
    row.get_by_role("link", name=conversations.SUPPORT).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(conversations.SUPPORT)


def test_each_column_sorts_both_ways(site: Site, new_profile: Callable[..., Profile]) -> None:
    """The first click puts the largest first, the second the smallest; the header says which."""
    page = new_profile().open(places.listing(sort="-start"))
    for label, column in COLUMNS.items():
        header = page.get_by_role("columnheader", name=label)
        for direction, said in (("DESC", "descending"), ("ASC", "ascending")):
            header.get_by_role("link").click()
            expect(header).to_have_attribute("aria-sort", said)
            assert page.locator("[aria-sort]").count() == 1
            equals = f"{places.OF_EQUALS} {direction}"
            order = f"ORDER BY {column} {direction}, {equals} LIMIT {PAGE}"
            assert places.shown(page) == site.sessions(order), order


def test_pages_follow_each_other_without_gaps(
    site: Site, new_profile: Callable[..., Profile]
) -> None:
    """Each session is on one page, in the order asked for; and there is a way back."""
    page = new_profile().open(places.listing(sort="-cost"))
    found = places.shown(page)
    while (following := page.get_by_role("link", name="Next page")).count():
        following.click()
        expect(page.get_by_role("link", name="First page")).to_be_visible()
        found += places.shown(page)
    assert found == site.sessions(f"ORDER BY Cost DESC, {places.OF_EQUALS} DESC")
    assert len(found) > PAGE
    page.get_by_role("link", name="First page").click()
    expect(page.get_by_role("link", name="First page")).to_have_count(0)
    assert places.shown(page) == found[:PAGE]


def test_exports_hold_the_sessions_that_are_listed(
    new_profile: Callable[..., Profile], tmp_path: Path
) -> None:
    """In each format, all that match the filters; and of one session its traces."""
    page = new_profile().open(places.listing(environment="staging", errors="true"))
    listed = set(places.shown(page))
    assert listed
    read: dict[str, Callable[[str], list[dict[str, str]]]] = {
        "CSV": lambda text: list(csv.DictReader(text.splitlines())),
        "JSON": json.loads,
        "JSONL": lambda text: [json.loads(line) for line in text.splitlines()],
    }
    for form, rows in read.items():
        exported = rows(_downloaded(page, form, tmp_path))
        assert {row["session_id"] for row in exported} == listed, form
    page.goto(places.session(conversations.SUPPORT))
    assert len(read["CSV"](_downloaded(page, "CSV", tmp_path))) == 6


def _downloaded(page: Page, form: str, folder: Path) -> str:
    menu = page.locator("details.menu", has_text="Export")
    if menu.get_attribute("open") is None:
        menu.locator("summary").click()
    with page.expect_download() as download:
        menu.get_by_role("link", name=form, exact=True).click()
    file = folder / download.value.suggested_filename
    assert file.suffix == f".{form.lower()}"
    download.value.save_as(file)
    return file.read_text(encoding="utf-8")
