"""What attackers send is text on every page: it runs nothing, loads nothing and leads nowhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from playwright.sync_api import Page, expect

from tests.browser import conversations, places, texts
from tests.browser.conftest import Site
from tests.browser.profile import Profile
from tests.browser.test_public_link import publish

# What nobody but us may put into a page. Icons and waterfalls are ours.
_FOREIGN = (
    "main :is(script, style, iframe, object, embed, base, meta, link, img, video, audio)",
    "main [onerror], main [onload], main [onfocus], main [onmouseover], main [style]",
    "main form:not([action^='/'])",
    "main svg:not(.bar, .indent)",
    "main [autofocus]",
)
_LINKS = "links => links.map(link => [link.protocol, link.getAttribute('href')])"
_ASKS = "all => all.flatMap(e => ['hx-get', 'data-hx-get'].map(n => e.getAttribute(n) ?? '/'))"


def _check(page: Page) -> None:
    """Fail if anything on the page is somebody else's. What ran is noticed by the profile."""
    page.locator("main details").evaluate_all("all => all.forEach(fold => { fold.open = true })")
    for selector in _FOREIGN:
        assert page.locator(selector).evaluate_all("all => all.map(e => e.outerHTML)") == []
    links = page.locator("main a").evaluate_all(_LINKS)
    assert all(protocol in {"http:", "https:"} for protocol, _ in links), links
    asked = page.locator("main *").evaluate_all(_ASKS)
    assert all(url.startswith("/") for url in asked), asked


def _paths(site: Site) -> Iterator[str]:
    """Yield where hostile content is shown: each text in each dialect, a sample of each kind."""
    session = conversations.HOSTILE
    yield places.listing(q="console.error")
    yield places.listing(environment="</script><b>prod", tag=texts.HOSTILE_NAME, user="<b>x</b>")
    yield places.session(session)
    yield places.session(session, errors="true")
    yield places.session(session, q="<script>")
    yield places.session("<img src=x onerror=alert(1)>")
    yield places.listing(last=texts.HOSTILE_NAME)
    yield "/<script>alert(1)</script>"
    for trace in site.sent.traces[session][3:9]:
        yield places.trace(trace)
        rows = site.pipeline.store.query(
            "SELECT SpanId FROM spans WHERE TraceId = {id:String} AND Type = 'tool'", {"id": trace}
        )
        for (span,) in rows[:1]:
            yield places.span(trace, span)


def test_hostile_content_is_text_on_every_page(
    site: Site, new_profile: Callable[..., Profile]
) -> None:
    """Also folded away, and where it is part of a link, a title or a field."""
    page = new_profile().page()
    for path in _paths(site):
        page.goto(path)
        _check(page)


def test_hostile_content_is_shown_as_it_was_sent(new_profile: Callable[..., Profile]) -> None:
    """Nothing is swallowed, and templates are not filled in."""
    page = new_profile().open(places.session(conversations.HOSTILE))
    text = page.locator("main").inner_text()
    assert "<script>console.error('hostile content ran')</script> Hello <b>bold</b>" in text
    assert "{% include '/etc/passwd' %}" in text
    assert "{{constructor.constructor('x')()}}" in text
    expect(page.locator(".turn .title a").nth(1)).to_have_text(texts.HOSTILE_NAME)
    page.get_by_role("link", name="More turns").click()
    expect(page.locator(".turn")).to_have_count(27)
    _check(page)


def test_a_hostile_id_leads_back_to_its_own_session(new_profile: Callable[..., Profile]) -> None:
    """From the list and back from its marks, with slashes, quotes and all."""
    page = new_profile().open(places.listing(q="%2e%2e?x=1"))
    page.locator("a.id").click()
    expect(page.locator("h1")).to_contain_text("../..//a b/")
    for pressed in ("true", "false"):
        page.locator("#bookmark").click()
        expect(page.locator("#bookmark")).to_have_attribute("aria-pressed", pressed)
    expect(page.locator("h1")).to_contain_text("../..//a b/")


def test_hostile_marks_are_text(new_profile: Callable[..., Profile], unmarked: str) -> None:
    """Of people too: comments, names of scores, values."""
    page = new_profile().open(places.session(unmarked))
    for attack in texts.HOSTILE_TEXTS[:4]:
        page.locator("#comments form.new").get_by_label("Comment").fill(attack)
        page.get_by_role("button", name="Comment", exact=True).click()
        expect(page.locator("#comments .text").filter(has_text=attack[:30])).to_have_count(1)
    page.get_by_text("Another score").click()
    form = page.locator("details.new form")
    form.get_by_label("Name").fill(texts.HOSTILE_NAME)
    form.get_by_label("Type").select_option("TEXT")
    form.get_by_label("Value").fill(texts.HOSTILE_TEXTS[6])
    form.get_by_role("button", name="Add score").click()
    expect(page.locator("#scores .mark")).to_contain_text(texts.HOSTILE_NAME)
    _check(page)
    page.goto(places.listing(q=unmarked))
    expect(page.locator(".chip.score")).to_contain_text("<img src=x")
    _check(page)


def test_a_hostile_session_is_published_harmlessly(new_profile: Callable[..., Profile]) -> None:
    """The same holds for those who have nothing but the link."""
    page = new_profile().page()
    link = publish(page, conversations.HOSTILE)
    _check(page)
    theirs = new_profile().open(link)
    _check(theirs)
    expect(theirs.locator(".turn")).to_have_count(20)
