"""The replay of a session: the conversation as it was, and how to find one's way in it."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.browser import conversations, places
from tests.browser.conftest import Site
from tests.browser.profile import Profile

TURNS = 20


def turns(page: Page) -> list[int]:
    """Return the numbers of the turns that are shown."""
    return [int(text) for text in page.locator(".turn .number").all_inner_texts()]


def test_a_conversation_reads_from_top_to_bottom(new_profile: Callable[..., Profile]) -> None:
    """Turns in the order of time, each with who said what and which tools were called."""
    page = new_profile().open(places.session(conversations.SUPPORT))
    assert turns(page) == [1, 2, 3, 4, 5, 6]
    times = page.locator(".turn > header time").evaluate_all("all => all.map(t => t.dateTime)")
    assert times == sorted(times)
    first, second, *_ = page.locator(".turn").all()
    expect(first.locator(".message.user")).to_contain_text("where is my order NL-20417?")
    expect(first.locator(".message.assistant strong")).to_have_text("Thursday, 26 November")
    expect(second.locator(".steps a")).to_have_text(["validate_address", "change_address"])
    second.locator(".steps a").last.click()
    expect(page.locator(".span-detail")).to_contain_text('"fee": 0')


def test_what_was_said_before_is_folded_away(new_profile: Callable[..., Profile]) -> None:
    """Applications repeat the whole conversation in each call; a turn shows what is new in it."""
    page = new_profile().open(places.session(conversations.SUPPORT))
    third = page.locator(".turn").nth(2)
    expect(third.locator(".message:visible")).to_have_count(2)
    earlier = third.locator("details.earlier")
    earlier.locator("summary").first.click()
    call = earlier.locator(".piece.tool_call").first
    expect(call.locator("summary")).to_contain_text("lookup_order")
    call.locator("summary").click()
    expect(call.locator("pre")).to_contain_text('"order": "NL-20417"')


def test_figures_are_those_of_the_session(site: Site, new_profile: Callable[..., Profile]) -> None:
    """As the list and the views have them."""
    page = new_profile().open(places.session(conversations.ERRORS))
    [(traces, spans, tokens, errors)] = site.pipeline.store.query(
        "SELECT TraceCount, SpanCount, TotalTokens, ErrorCount FROM sessions"
        " WHERE SessionId = {id:String}",
        {"id": conversations.ERRORS},
    )
    figures = page.locator(".session .figures")
    for label, figure in {
        "Duration": "1 min 14 s",
        "Traces": traces,
        "Spans": spans,
        "Tokens": tokens,
        "Errors": errors,
    }.items():
        expect(figures.locator("div", has_text=label).locator("dd")).to_have_text(str(figure))


def test_markdown_is_shown_as_it_was_meant(new_profile: Callable[..., Profile]) -> None:
    """Tables, code and lists; links leave without telling from where."""
    page = new_profile().open(places.session(conversations.MARKDOWN))
    plan, code, _ = page.locator(".turn").all()
    expect(plan.locator(".prose th")).to_have_text(["step", "takes", "blocks writes"])
    expect(plan.locator(".prose ol > li")).to_have_count(3)
    expect(plan.get_by_role("link", name="release notes")).to_have_attribute(
        "rel", "noopener noreferrer nofollow"
    )
    expect(code.locator(".prose pre").first).to_contain_text('"<" not in name')
    expect(code.locator(".prose pre")).to_have_count(2)


def test_silence_between_turns_is_shown_where_it_was(new_profile: Callable[..., Profile]) -> None:
    """Forty minutes for lunch, and nothing for the pauses in which somebody types."""
    page = new_profile().open(places.session(conversations.IDLE))
    expect(page.locator(".gap")).to_have_count(1)
    expect(page.locator(".gap")).to_have_text("40 min of silence")
    after = page.locator(".gap + .turn .number")
    expect(after).to_have_text("3")


def test_turns_that_are_searched_for_have_no_silence_between_and_no_number(
    new_profile: Callable[..., Profile],
) -> None:
    """There may be others, that do not say it: so nobody can tell which turn it is, either."""
    page = new_profile().open(places.session(conversations.IDLE, q="travel-planner"))
    expect(page.locator(".turn .number")).to_have_text(["#"] * 4)
    expect(page.locator(".gap")).to_have_count(0)


def test_a_found_turn_leads_to_its_place(new_profile: Callable[..., Profile]) -> None:
    """To the turns from it on, by their numbers; from there to more of them, and to the start."""
    page = new_profile().open(places.session(conversations.LONG, q="gate B28?"))
    places.follow(page, page.get_by_role("link", name="in its place").first)
    assert turns(page) == list(range(28, 28 + TURNS))
    expect(page.locator(".turn").first).to_contain_text("Where is gate B28?")
    expect(page.locator(".turn").first).to_be_in_viewport()
    page.get_by_role("link", name="More turns").click()
    expect(page.locator(".turn")).to_have_count(2 * TURNS)
    assert turns(page) == list(range(28, 28 + 2 * TURNS))
    places.follow(page, page.get_by_role("link", name="From the start"))
    assert turns(page) == list(range(1, TURNS + 1))
    expect(page.get_by_role("link", name="From the start")).to_have_count(0)


def test_a_page_from_a_turn_on_is_as_if_one_had_gone_there(
    site: Site, new_profile: Callable[..., Profile]
) -> None:
    """Silence before it is told; the first turn is the start, and one of another session none."""
    traces = site.sent.traces[conversations.IDLE]
    page = new_profile().open(places.session(conversations.IDLE, at=traces[2]))
    assert turns(page) == [3, 4]
    expect(page.locator(".gap")).to_have_text("40 min of silence")
    page.goto(places.session(conversations.IDLE, at=traces[0]))
    assert turns(page) == [1, 2, 3, 4]
    expect(page.get_by_role("link", name="From the start")).to_have_count(0)
    page.goto(places.session(conversations.ERRORS, at=traces[2]))
    expect(page.get_by_role("heading", level=1)).to_have_text("Not found")
    expect(page.locator("main")).to_contain_text("there is no such turn in this session")


def test_only_turns_that_failed(new_profile: Callable[..., Profile]) -> None:
    """Those with errors alone, with their trees open; and back to all of them."""
    page = new_profile().open(places.session(conversations.ERRORS))
    expect(page.locator(".turn")).to_have_count(3)
    expect(page.locator(".turn.failed .chip.bad", has_text="2 errors")).to_have_count(2)
    page.get_by_role("link", name="only turns with errors").click()
    expect(page.locator(".turn")).to_have_count(2)
    expect(page.locator(".row.error")).to_have_count(4)
    expect(page.locator(".row.error").first).to_be_visible()
    expect(page.locator(".turn").last).to_contain_text("429 Too Many Requests")
    page.get_by_role("link", name="Show all").click()
    expect(page.locator(".turn")).to_have_count(3)


def test_search_shows_the_turns_that_say_it(new_profile: Callable[..., Profile]) -> None:
    """In any case of letters, also what tools were told; and says so where nothing does."""
    page = new_profile().open(places.session(conversations.ERRORS))
    search = page.get_by_role("searchbox", name="Search in this session")
    search.fill('"RETRY": 2')
    search.press("Enter")
    expect(page.locator(".turn")).to_have_count(1)
    expect(page.locator(".turn")).to_contain_text("It worked this time")
    expect(search).to_have_value('"RETRY": 2')
    search.fill("nobody said this")
    search.press("Enter")
    expect(page.get_by_role("heading", name="Nothing here matches")).to_be_visible()
    page.get_by_role("link", name="Show all").click()
    expect(page.locator(".turn")).to_have_count(3)


def test_more_turns_are_added_in_place(new_profile: Callable[..., Profile]) -> None:
    """To those that are there, in order, until there are no more."""
    page = new_profile().open(places.session(conversations.LONG))
    assert turns(page) == list(range(1, TURNS + 1))
    page.evaluate("window.isSamePage = true")
    page.get_by_role("link", name="More turns").click()
    expect(page.locator(".turn")).to_have_count(2 * TURNS)
    assert turns(page) == list(range(1, 2 * TURNS + 1))
    assert page.evaluate("window.isSamePage")
    times = page.locator(".turn > header time").evaluate_all("all => all.map(t => t.dateTime)")
    expect(page.locator(".day")).to_have_count(len({time[:10] for time in times}))
    expect(page.get_by_role("link", name="More turns")).to_have_count(1)


def test_a_megabyte_can_be_read_to_its_end(site: Site, new_profile: Callable[..., Profile]) -> None:
    """The page of the session stays small; the value as text is whole."""
    page = new_profile().open(places.session(conversations.HUGE))
    assert len(page.content()) < 300_000
    page.locator(".turn .steps a", has_text="export_csv").click()
    [[whole]] = site.pipeline.store.query(
        "SELECT SpanAttributes['output.value'] FROM spans WHERE SpanName = 'export_csv'"
    )
    link = page.get_by_role("link", name=f"as text, {len(whole):,} characters")
    text = page.request.get(link.evaluate("link => link.href"))
    assert text.headers["content-type"] == "text/plain; charset=utf-8"
    assert text.text() == whole
    value = page.locator("section.value .fold")
    value.locator("summary").click()
    expect(value.locator("pre.raw")).to_contain_text(whole[-30:].strip())


def test_a_span_opens_beside_its_turn(new_profile: Callable[..., Profile]) -> None:
    """In place, below the tree of its turn, without leaving the page."""
    page = new_profile().open(places.session(conversations.RESEARCH))
    turn = page.locator(".turn").nth(1)
    expect(turn.locator(".row").first).to_be_hidden()
    turn.locator("details.spans > summary").click()
    expect(turn.locator(".row")).to_have_count(27)
    turn.locator(".row", has_text="web_fetch").first.click()
    detail = turn.locator(".detail")
    expect(detail.get_by_role("heading", name="web_fetch")).to_be_visible()
    expect(detail).to_contain_text("https://example.org/source/1")
    turn.locator(".row", has_text="vector_search").first.click()
    expect(detail.get_by_role("heading", name="vector_search")).to_be_visible()
    assert "/session?" in page.url


def test_a_session_that_is_none_says_so(new_profile: Callable[..., Profile]) -> None:
    """A wrong link is explained, and leads on."""
    page = new_profile().open(places.session("no-such-session"))
    expect(page.get_by_role("heading", level=1)).to_have_text("Not found")
    expect(page.locator("main")).to_contain_text("there is no such session in this project")
    page.get_by_role("link", name="To the sessions").click()
    expect(page).to_have_title("Sessions · SessionTrail")
