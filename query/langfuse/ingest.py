"""
The way from here to ingest's OTLP/HTTP: Langfuse's SDKs know one host, and send it their spans.

A body passes through as it comes, piece by piece: what it holds, and whether it may, is ingest's to
say, and so is the answer.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import aiohttp

from runtime.config import Config, IngestTlsConfig
from runtime.errors import ConfigError, RetryableError

# Above what ingest itself allows a request: 30 s to arrive, and some to be published.
_SECONDS_MAX = 60.0
_CONNECT_SECONDS_MAX = 5.0
_REQUEST_HEADERS = frozenset(
    {"authorization", "content-encoding", "content-length", "content-type"},
)
_REQUEST_HEADERS_PREFIX = "x-langfuse-"
_ANSWER_HEADERS = ("Content-Type", "Retry-After", "WWW-Authenticate")


class IngestUnavailable(RetryableError):
    """Ingest could not be reached, or did not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What ingest said."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def tls_context(config: IngestTlsConfig) -> ssl.SSLContext:
    """
    Return whom to trust, and how to show who we are.

    Raises:
        ConfigError: one of the files cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=config.ca_file)
        if config.cert_file:
            context.load_cert_chain(config.cert_file, config.key_file, password=lambda: "")
    except (OSError, ValueError) as error:
        raise ConfigError(f"query.ingest_tls: a file cannot be used: {error}") from error
    return context


class Ingest:
    """A client of ingest's OTLP/HTTP. Safe to use from many tasks at once."""

    def __init__(self, config: Config) -> None:
        self._address = config.query.ingest_url or config.ingest.http_url
        self._tls = tls_context(config.query.ingest_tls)

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            self._address,
            connector=aiohttp.TCPConnector(ssl=self._tls),
            timeout=aiohttp.ClientTimeout(total=_SECONDS_MAX, connect=_CONNECT_SECONDS_MAX),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            skip_auto_headers=("Accept-Encoding", "Content-Type", "User-Agent"),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._session.close()

    async def forward(
        self, path: str, headers: Iterable[tuple[str, str]], body: AsyncIterator[bytes]
    ) -> Answer:
        """
        Hand a request on and return the answer, whichever it is. No more of the body is held than
        the connections' buffers take.

        Raises:
            IngestUnavailable: there is no answer; the request may have been accepted.
        """
        try:
            async with self._session.post(
                path,
                data=body,
                headers=[(name, value) for name, value in headers if _is_forwarded(name)],
                allow_redirects=False,
            ) as response:
                return Answer(
                    status=response.status,
                    headers={
                        name: response.headers[name]
                        for name in _ANSWER_HEADERS
                        if name in response.headers
                    },
                    body=await response.read(),
                )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            reason = str(error) or type(error).__name__
            raise IngestUnavailable(f"ingest at {self._address}: {reason}") from error


def _is_forwarded(name: str) -> bool:
    name = name.lower()
    return name in _REQUEST_HEADERS or name.startswith(_REQUEST_HEADERS_PREFIX)
