"""Browser exporters: what a browser asks before it sends, and what it lets a page read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

import aiohttp
import pytest
from pydantic import ValidationError

from ingest.cors import Origins
from runtime.ingest_config import CorsConfig
from tests.fakes import RecordingProducer, running_ingest
from tests.samples import as_json, request, span

ORIGIN = "https://app.example.com"
BODY = as_json(request(span(1)))
ASKS = {
    "Origin": ORIGIN,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,x-anything",
}
PATHS = ["/v1/traces", "/v1/logs", "/v1/metrics", "/api/public/otel/v1/traces"]


class Browser:
    """The part of a browser that keeps to CORS, against one receiver."""

    def __init__(self, base: str, session: aiohttp.ClientSession) -> None:
        self._base = base
        self._session = session

    async def ask(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> tuple[int, Mapping[str, str]]:
        """Send one request, and return the status and the headers of the answer."""
        url = self._base + path
        async with self._session.request(method, url, data=body, headers=headers) as response:
            await response.read()
            return response.status, response.headers


@pytest.fixture
def producer() -> RecordingProducer:
    """Return the buffer behind the ingest."""
    return RecordingProducer()


@pytest.fixture
def allowed() -> list[str]:
    """Return the origins that may send."""
    return [ORIGIN, "https://*.example.org"]


@pytest.fixture
async def browser(producer: RecordingProducer, allowed: list[str]) -> AsyncIterator[Browser]:
    """Yield a browser before an ingest that allows these origins."""
    settings = {"endpoint": "127.0.0.1:0", "cors": {"allowed_origins": allowed}}
    async with (
        running_ingest(producer, http=settings) as service,
        aiohttp.ClientSession() as session,
    ):
        yield Browser(f"http://127.0.0.1:{service.http_port}", session)


@pytest.mark.parametrize("path", PATHS)
async def test_answers_a_preflight(browser: Browser, path: str) -> None:
    """Without a key, which no browser sends along; and with whichever headers are asked for."""
    status, headers = await browser.ask("OPTIONS", path, ASKS)

    assert status == 204
    assert headers["Access-Control-Allow-Origin"] == ORIGIN
    assert headers["Access-Control-Allow-Methods"] == "POST"
    assert headers["Access-Control-Allow-Headers"] == ASKS["Access-Control-Request-Headers"]
    assert headers["Access-Control-Allow-Credentials"] == "true"
    assert headers["Vary"] == "Origin"


@pytest.mark.parametrize(
    ("mode", "expected"), [("ok", 200), ("failing", 503), ("broken", 500)], ids=str
)
async def test_a_page_may_read_every_answer(
    browser: Browser, producer: RecordingProducer, mode: str, expected: int
) -> None:
    """Errors as well, and when to come back: exporters in browsers try again too."""
    producer.mode = mode  # type: ignore[assignment]
    sent = {"Origin": ORIGIN, "Content-Type": "application/json"}

    status, headers = await browser.ask("POST", "/v1/traces", sent, BODY)

    assert status == expected
    assert headers["Access-Control-Allow-Origin"] == ORIGIN
    assert headers["Access-Control-Expose-Headers"] == "Retry-After"
    assert headers["Vary"] == "Origin"


@pytest.mark.parametrize("origin", ["https://evil.example", "null", ""])
async def test_other_pages_are_told_nothing(browser: Browser, origin: str) -> None:
    """Their browser gives up after the preflight, or keeps the answer to itself."""
    status, headers = await browser.ask("OPTIONS", "/v1/traces", {**ASKS, "Origin": origin})
    assert status == 405
    assert not _permissions(headers)
    sent = {"Origin": origin, "Content-Type": "application/json"}
    _, headers = await browser.ask("POST", "/v1/traces", sent, BODY)
    assert not _permissions(headers)


@pytest.mark.parametrize("path", ["/metrics", "/readyz", "/healthz", "/nothing"])
async def test_pages_may_send_and_nothing_else(browser: Browser, path: str) -> None:
    """What an operator asks is no page's business."""
    _, headers = await browser.ask("GET", path, {"Origin": ORIGIN})
    assert not _permissions(headers)
    _, headers = await browser.ask("OPTIONS", path, ASKS)
    assert not _permissions(headers)


@pytest.mark.parametrize("allowed", [[]])
async def test_no_page_may_send_unless_it_is_said(browser: Browser) -> None:
    """Out of the box, a page cannot fill the sessions of whoever looks at it."""
    status, headers = await browser.ask("OPTIONS", "/v1/traces", ASKS)
    assert status == 405
    assert not _permissions(headers)
    # What needs no preflight is no OTLP.
    sent = {"Origin": ORIGIN, "Content-Type": "text/plain"}
    assert (await browser.ask("POST", "/v1/traces", sent, BODY))[0] == 415


def _permissions(headers: Mapping[str, str]) -> list[str]:
    return [name for name in headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize(
    ("origin", "is_allowed"),
    [
        (ORIGIN, True),
        ("http://app.example.com", False),
        ("https://app.example.com:8443", False),
        ("https://app.example.com.evil.net", False),
        ("https://a.example.org", True),
        ("https://a.b.example.org", True),
        ("https://example.org", False),
        ("https://evilexample.org", False),
        ("https://.example.org", False),
        ("http://a.example.org", False),
        ("https://a.example.org:8443", False),
    ],
)
def test_origins_are_exact_or_below_a_name(
    allowed: list[str], origin: str, *, is_allowed: bool
) -> None:
    """Scheme and port belong to an origin; a star stands for one name or several."""
    assert Origins(allowed).allow(origin) == is_allowed


@pytest.mark.parametrize("origin", ["*", "app.example.com", "https://a.com/", "https://*", "null"])
def test_what_is_no_origin_is_refused_at_the_start(origin: str) -> None:
    """It would never match, or match everybody."""
    with pytest.raises(ValidationError, match="is no origin"):
        CorsConfig.model_validate({"allowed_origins": [origin]})
