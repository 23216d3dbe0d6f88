"""Which requests come from pages of other sites, and where a form may lead."""

from __future__ import annotations

import pytest
from starlette.datastructures import Headers

from query.access.gate import _is_loopback
from query.access.protection import is_cross_site
from query.pages.context import local


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, False),
        ({"sec-fetch-site": "same-origin"}, False),
        ({"sec-fetch-site": "none"}, False),
        ({"sec-fetch-site": "cross-site"}, True),
        ({"sec-fetch-site": "same-site"}, True),
        ({"sec-fetch-site": ""}, True),
        ({"sec-fetch-site": "same-origin", "origin": "https://evil.example"}, False),
        ({"sec-fetch-site": "cross-site", "origin": "http://here:8080"}, True),
        ({"sec-fetch-site": "cross-site", "authorization": "Bearer x"}, True),
        ({"origin": "http://here:8080"}, False),
        ({"origin": "https://here:8080"}, False),
        ({"origin": "http://here"}, True),
        ({"origin": "http://evil.example"}, True),
        ({"origin": "http://here:8080.evil.example"}, True),
        ({"origin": "http://evil.example#here:8080"}, True),
        ({"origin": "null"}, True),
        ({"origin": ""}, True),
        ({"origin": "http://[::1"}, True),
    ],
)
def test_tells_other_sites_from_ours(headers: dict[str, str], expected: bool) -> None:  # noqa: FBT001
    """By what the browser says of itself, and by Origin where it is an old one."""
    assert is_cross_site(Headers({"host": "here:8080", **headers})) is expected


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/sessions",
        "/session?id=a%2Fb&project=shop",
        "/session?id=%5C",
        "/a//b?x=//c",
        "/grüße",
    ],
)
def test_a_form_leads_to_a_page_of_ours(target: str) -> None:
    """Where one wanted to go."""
    assert local(target, otherwise="/here") == target


@pytest.mark.parametrize(
    "target",
    ["", "sessions", "//evil.example", "///evil.example", "/\\evil.example", "\\\\evil.example",
     "https://evil.example", "javascript:alert(1)", "/\t/evil.example", "/\n/evil.example",
     " //evil.example", "/a\r\nSet-Cookie: b=c", "/\x00"],
)  # fmt: skip
def test_a_form_leads_nowhere_else(target: str) -> None:
    """However it is written."""
    assert local(target, otherwise="/here") == "/here"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("LOCALHOST:8080", True),
        ("localhost.", True),
        ("app.localhost:1", True),
        ("127.0.0.1", True),
        ("127.8.8.8:8080", True),
        ("[::1]", True),
        ("[::1]:8080", True),
        ("", False),
        ("0.0.0.0", False),
        ("10.0.0.1:8080", False),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example:8080", False),
        ("evil.example:127.0.0.1", False),
        ("localhost@evil.example", False),
        ("[::2]:8080", False),
    ],
)
def test_names_of_this_machine(host: str, expected: bool) -> None:  # noqa: FBT001
    """And of no other: a name of the web may lead here too."""
    assert _is_loopback(host) is expected
