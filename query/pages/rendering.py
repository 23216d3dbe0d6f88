"""How pages are made: Jinja templates that escape everything, and what they may call."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib import import_module
from importlib.resources import files
from typing import Any
from urllib.parse import urlencode

import nh3
from jinja2 import Environment, PackageLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from query.reads.models import rfc3339
from schemas.envelope import DEFAULT_PROJECT

STATIC = files("query.pages") / "static"

# HTML in a message is text; what markdown makes is cleaned once more, as it is shown to others.
_MARKDOWN = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(
    ["table", "strikethrough"]
)
# A row may leave cells out, and they are made up: 65,536 in each table, so that 1.5 KB would take a
# second and become 600 KB. (The package exports a function under the module's name.)
_TABLES: Any = import_module("markdown_it.rules_block.table")
_TABLES.MAX_AUTOCOMPLETED_CELLS = 100
_TAGS = {
    "p", "br", "strong", "em", "s", "code", "pre", "blockquote", "ul", "ol", "li", "hr", "a",
    "h1", "h2", "h3", "h4", "h5", "h6", "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip
# Of one text, and of all texts of a page.
MARKDOWN_CHARACTERS_MAX = 20_000
PROSE_CHARACTERS_MAX = 100_000
_SECOND = 10**9
_UNITS = (("d", 86_400 * _SECOND), ("h", 3_600 * _SECOND), ("min", 60 * _SECOND))


def page(request: Request, template: str, *, status: int = 200, **context: Any) -> Response:
    """Return a page. A template that names what it is not given fails, rather than show nothing."""
    given = {"request": request, "access": None, "prose": Prose(), **context}
    return HTMLResponse(_ENVIRONMENT.get_template(template).render(given), status_code=status)


async def large_page(request: Request, template: str, **context: Any) -> Response:
    """Return a page whose making may take a while, beside the event loop: others are answered."""
    return await asyncio.to_thread(page, request, template, **context)


def link(path: str, **parameters: Any) -> str:
    """Return a URL with what is not empty of some parameters; lists repeat."""
    given = {
        key: "true" if value is True else "false" if value is False else value
        for key, value in parameters.items()
        if value not in ("", None, []) and (key, value) != ("project", DEFAULT_PROJECT)
    }
    return f"{path}?{urlencode(given, doseq=True)}" if given else path


def markdown(text: str) -> Markup:
    """Return text as HTML: no images (they would tell others who reads), no foreign markup."""
    html = _MARKDOWN.render(text)
    return Markup(nh3.clean(html, tags=_TAGS, attributes={"a": {"href"}}, link_rel=_REL))  # noqa: S704 - cleaned


_REL = "noopener noreferrer nofollow"


class Prose:
    """
    The markdown of one page, as far as a bound goes. Nobody else is answered while a page is made,
    and markdown takes milliseconds for each KB of what a sender chose to send.
    """

    def __init__(self) -> None:
        self._characters_left = PROSE_CHARACTERS_MAX

    def html(self, text: str) -> Markup:
        """Return text as HTML: as markdown, or beyond the bound as the text that it is."""
        if len(text) > min(MARKDOWN_CHARACTERS_MAX, self._characters_left):
            return Markup('<pre class="raw">{}</pre>').format(text)
        self._characters_left -= len(text)
        return markdown(text)


def duration(ns: int) -> str:
    """Return a duration as people say it."""
    if ns < 1_000_000:
        return f"{ns / 1_000:.0f} µs" if ns else "0 ms"
    if ns < _SECOND:
        return f"{ns / 1_000_000:.0f} ms"
    if ns < 60 * _SECOND:
        return f"{ns / _SECOND:.2f} s" if ns < 10 * _SECOND else f"{ns / _SECOND:.1f} s"
    parts = []
    for unit, size in (*_UNITS, ("s", _SECOND)):
        count, ns = divmod(ns, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2])


def clock(time_ns: int) -> str:
    """Return a time of day, in UTC."""
    return rfc3339(time_ns)[11:19]


def day(time_ns: int) -> str:
    """Return a day, in UTC."""
    return f"{datetime.fromtimestamp(time_ns // _SECOND, UTC):%a %-d %b %Y}"


def ago(time_ns: int) -> str:
    """Return how long ago something was."""
    since = int(datetime.now(UTC).timestamp() * _SECOND) - time_ns
    if since < 0:
        return f"in {duration(-since)}"
    for unit, size in _UNITS:
        if since >= size:
            return f"{since // size} {unit} ago"
    return "just now"


def money(usd: float) -> str:
    """Return an amount, with as many digits as matter."""
    if usd == 0:
        return "$0"
    return f"${usd:,.2f}" if usd >= 1 else f"${usd:.4f}" if usd >= 0.001 else f"${usd:.6f}"


def short(count: int) -> str:
    """Return a count in few characters."""
    for size, unit in ((10**9, "B"), (10**6, "M"), (10**3, "k")):
        if count >= 10 * size:
            return f"{count / size:.0f}{unit}"
        if count >= size:
            return f"{count / size:.1f}{unit}".replace(".0", "")
    return str(count)


def share(of_one: float) -> str:
    """Return how many of some answers are yes; all and none only where they are."""
    if of_one in (0, 1):
        return "yes" if of_one else "no"
    return f"{min(max(round(of_one * 100), 1), 99)}% yes"


def plural(count: int, word: str) -> str:
    """Return a count and its word."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def ends(text: str, length: int) -> str:
    """Return a text in so many characters: long ids often begin alike, and differ in the end."""
    if len(text) <= length:
        return text
    tail = length // 3
    return f"{text[: length - tail - 1]}…{text[-tail:]}"


_FILTERS: Mapping[str, Any] = {
    "rfc3339": rfc3339,
    "duration": duration,
    "clock": clock,
    "day": day,
    "ago": ago,
    "money": money,
    "short": short,
    "share": share,
    "plural": plural,
    "ends": ends,
}


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("query.pages", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(_FILTERS)
    environment.globals["link"] = link
    return environment


_ENVIRONMENT = _environment()
