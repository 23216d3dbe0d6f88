"""How texts, numbers and links become HTML."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.pages.context import local
from query.pages.rendering import (
    MARKDOWN_CHARACTERS_MAX,
    PROSE_CHARACTERS_MAX,
    Prose,
    duration,
    ends,
    link,
    markdown,
    money,
    share,
    short,
)


class Elements(HTMLParser):
    """Collects the elements of a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep an element."""
        self.found.append((tag, dict(attrs)))


HARMLESS = {
    "p", "br", "strong", "em", "s", "code", "pre", "blockquote", "ul", "ol", "li", "hr", "a",
    "h1", "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
PIECES = st.lists(
    st.sampled_from(
        ["<script>", "</script>", "<img src=x onerror=y>", "[a](javascript:b)", "![i](http://x/y)",
         "`", "*", "<a href='javascript:x'>", "|a|b|\n|-|-|\n", "\n", "# ", "<!--", "]]>", "&lt;",
         "[x]: javascript:y\n", "<svg/onload=z>", "https://ok.example/", "data:text/html,x", "\0"])
    | st.text(max_size=5),
    max_size=12,
)  # fmt: skip


@given(PIECES)
def test_markdown_cannot_harm(pieces: list[str]) -> None:
    """Only harmless elements, no attribute but a link's, and links to the web alone."""
    for tag, attributes in Elements(str(markdown("".join(pieces)))).found:
        assert tag in HARMLESS
        assert set(attributes) <= ({"href", "rel"} if tag == "a" else set())
        assert not (attributes.get("href") or "").lower().startswith(("javascript", "data:", "vb"))


def test_a_table_is_not_blown_up() -> None:
    """Rows may leave out all their cells: 1.5 KB would become 65,536 of them."""
    bomb = "|" + "a|" * 256 + "\n|" + "-|" * 256 + "\n" + "|\n" * 256
    assert len(markdown(bomb)) < 20 * len(bomb)
    assert markdown("|a|b|\n|-|-|\n|c|\n").count("<td>") == 2


def test_a_page_has_so_much_markdown_and_no_more() -> None:
    """What is beyond is shown as the text that it is: nothing is left out, and nobody waits."""
    prose = Prose()
    assert "<strong>" in prose.html("**a**")
    long = "**a** <b> " * (MARKDOWN_CHARACTERS_MAX // 10 + 1)
    assert "**a** &lt;b&gt;" in prose.html(long)
    text = "**a** " * 1000
    pages = [prose.html(text) for _ in range(PROSE_CHARACTERS_MAX // len(text) + 1)]
    assert "<strong>" in pages[0]
    assert "<strong>" not in pages[-1]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/session?id=a", "/session?id=a"),
        ("https://evil.example/", "/x"),
        ("//evil.example/", "/x"),
        ("/\\evil.example/", "/x"),
        ("javascript:alert(1)", "/x"),
        ("", "/x"),
    ],
)
def test_forms_lead_to_pages_of_ours_alone(url: str, expected: str) -> None:
    """Else a log-in or a form would lead to anybody's page."""
    assert local(url, otherwise="/x") == expected


def test_numbers_as_people_say_them() -> None:
    """Not too long, not too exact."""
    assert [duration(n) for n in (0, 900, 5_000_000, 1_500_000_000, 75_000_000_000)] == [
        "0 ms", "1 µs", "5 ms", "1.50 s", "1 min 15 s",
    ]  # fmt: skip
    assert duration(90_061 * 10**9) == "1 d 1 h"
    assert [money(x) for x in (0, 0.000055, 0.0123, 12.5)] == [
        "$0", "$0.000055", "$0.0123", "$12.50",
    ]  # fmt: skip
    assert [short(n) for n in (999, 1200, 15_300, 2_000_000)] == ["999", "1.2k", "15k", "2M"]


def test_some_of_many_are_neither_all_nor_none() -> None:
    """However many there are."""
    shares = [share(x) for x in (0, 0.001, 2 / 3, 0.999, 1)]
    assert shares == ["no", "1% yes", "67% yes", "99% yes", "yes"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0123456789", "0123456789"),
        ("0123456789a", "012345…89a"),
        ("", ""),
        ("日" * 99, "日" * 6 + "…" + "日" * 3),
    ],
)
def test_long_ids_keep_both_ends(text: str, expected: str) -> None:
    """Those of one application begin alike."""
    assert ends(text, 10) == expected


def test_links_say_what_is_not_usual() -> None:
    """Empty parameters and the usual project are left out, lists repeat."""
    assert link("/x") == "/x"
    assert link("/x", project="default", q="", a=None) == "/x"
    assert link("/x", project="p", tag=["a", "b"], on=True) == "/x?project=p&tag=a&tag=b&on=true"
    assert link("/x", id='../"<&é') == "/x?id=..%2F%22%3C%26%C3%A9"
