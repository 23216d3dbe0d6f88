"""The watch over pages: what goes wrong in one is noticed, and a page without faults passes."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route

from tests.browser.profile import Profile

_POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self'"
_FAULTS = {
    "an inline script": ("<script>document.title = 'ran'</script>", "Content Security Policy"),
    "an inline handler": ("<img src=/missing onerror='run()'>", "Content Security Policy"),
    "a picture from elsewhere": ("<img src=http://127.0.0.2:9/a.png>", "CSP: img-src"),
    "a missing part": ("<img src=/missing>", "404: "),
    "an error on the console": ("<script src=/script/console.error('oh')></script>", "console: oh"),
    "an exception": ("<script src=/script/nobody()></script>", "nobody is not defined"),
    "a dialog": ("<script src=/script/alert('hello')></script>", "dialog: hello"),
}


def _answer(route: Route, html: str) -> None:
    """Answer as a server with a strict policy."""
    url = route.request.url
    if "/script/" in url:
        script = url.partition("/script/")[2].replace("%27", "'")
        route.fulfill(body=script, content_type="text/javascript")
    elif url.endswith("/missing"):
        route.fulfill(status=404, body="<!doctype html>", content_type="text/html")
    else:
        page = f"<!doctype html><html lang=en><link rel=icon href=data:><p>A page</p>{html}</html>"
        headers = {"Content-Security-Policy": f"{_POLICY} data:"}
        route.fulfill(body=page, content_type="text/html", headers=headers)


def _visit(profile: Profile, html: str) -> Page:
    profile.context.route("**/*", lambda route: _answer(route, html))
    page = profile.page()
    page.goto("/a-page", wait_until="networkidle")
    return page


@pytest.mark.parametrize("fault", _FAULTS)
def test_each_fault_of_a_page_is_noticed(browser: Browser, fault: str) -> None:
    """Whatever kind it is, and although the page goes on."""
    html, told = _FAULTS[fault]
    profile = Profile(browser, "http://127.0.0.1:9")
    _visit(profile, html)
    with pytest.raises(AssertionError):
        profile.check()
    assert any(told in problem for problem in profile.problems), profile.problems
    profile.context.close()


def test_a_request_to_another_host_is_noticed(browser: Browser) -> None:
    """Also where no policy forbids it."""
    profile = Profile(browser, "http://127.0.0.1:9")
    page = _visit(profile, "")
    page.goto("http://127.0.0.2:9/")
    assert profile.problems == ["request to another host: http://127.0.0.2:9/"]
    profile.context.close()


def test_a_page_without_faults_passes(new_profile: Callable[..., Profile]) -> None:
    """Also one whose own status is an error: that is what the visitor asked for."""
    profile = new_profile()
    page = _visit(profile, "<script src=/script/document.title='ran'></script>")
    assert page.title() == "ran"
    page.goto("/missing")


def test_pictures_have_the_sizes_and_colours_asked_for(
    new_profile: Callable[..., Profile],
    screenshot: Callable[[Page, str], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of a real page: the phone's are smaller, and those by night have other colours."""
    monkeypatch.delenv("BROWSER_PICTURES", raising=False)
    screenshot(new_profile().open("/sessions?q=nothing-matches"), "api")
    pictures = {path.name: path.read_bytes() for path in tmp_path.glob("*.png")}
    sizes = {name: struct.unpack(">II", data[16:24]) for name, data in pictures.items()}
    assert sizes["api-desktop-light.png"] == sizes["api-desktop-dark.png"] == (1440, 900)
    assert sizes["api-phone-light.png"] == sizes["api-phone-dark.png"] == (390, 844)
    assert pictures["api-desktop-light.png"] != pictures["api-desktop-dark.png"]
