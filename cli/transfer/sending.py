"""Requests to whoever receives OTLP over HTTP, patiently: as the specification has an exporter."""

from __future__ import annotations

import io
import os
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import aiohttp
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.util.re import parse_env_headers
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from runtime.errors import (
    ConfigError,
    InvalidRequest,
    NotAllowed,
    NotAuthenticated,
    NotFound,
    ReceiverUnavailable,
)

_PATH = "/v1/traces"
_PROTOBUF = "application/x-protobuf"
_RETRYABLE = frozenset({429, 502, 503, 504})
_REQUEST_SECONDS_MAX = 60.0
_RETRY_SECONDS, _RETRY_SECONDS_MAX = 1.0, 60.0
# How long nothing but refusals is borne: of somebody who was there before, and of nobody so far.
_BUSY_SECONDS_MAX, _ABSENT_SECONDS_MAX = 300.0, 5.0


class Answer(NamedTuple):
    """How many spans of a request were not taken, and what was said to it."""

    rejected: int = 0
    message: str = ""


def tls() -> ssl.SSLContext:
    """
    Return whom to trust and what to show, as an exporter is told.

    Raises:
        ConfigError: one of the files cannot be used.
    """
    prefix = "OTEL_EXPORTER_OTLP"
    authority, certificate, key = (
        os.environ.get(f"{prefix}_{name}") or None
        for name in ("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY")
    )
    try:
        context = ssl.create_default_context(cafile=authority)
        if certificate:
            context.load_cert_chain(certificate, key, password=lambda: "")
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{prefix}_CERTIFICATE, …_CLIENT_CERTIFICATE, …_CLIENT_KEY:"
            f" a file cannot be used: {error}"
        ) from error
    return context


class Sender:
    """Sends requests one after the other, to one address."""

    def __init__(self, session: aiohttp.ClientSession, endpoint: str) -> None:
        self._session = session
        self._url = endpoint.rstrip("/") + _PATH
        self._headers = {
            **parse_env_headers(os.environ.get("OTEL_EXPORTER_OTLP_HEADERS", ""), liberal=True),
            "content-type": _PROTOBUF,
        }
        self._has_answered = False

    async def send(self, body: bytes) -> Answer:
        """
        Send a request until it is answered for good.

        Raises:
            InvalidRequest: it was refused, and would be again.
            NotAuthenticated, NotAllowed: who sends has no key that may.
            NotFound: there is no OTLP at this address.
            ReceiverUnavailable: nobody took it for as long as makes sense to try.
        """
        attempts = AsyncRetrying(
            retry=retry_if_exception_type(ReceiverUnavailable),
            wait=_wait,
            stop=self._gives_up,
            reraise=True,
        )
        return await attempts(self._attempt, body)

    def _gives_up(self, state: RetryCallState) -> bool:
        limit = _BUSY_SECONDS_MAX if self._has_answered else _ABSENT_SECONDS_MAX
        return (state.seconds_since_start or 0.0) > limit

    async def _attempt(self, body: bytes) -> Answer:
        try:
            async with self._session.post(
                self._url,
                data=io.BytesIO(body),  # goes out in pieces
                headers=self._headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=_REQUEST_SECONDS_MAX),
            ) as response:
                said = await response.read()
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
            raise ReceiverUnavailable(f"nobody receives spans at {self._url}: {reason}") from error
        self._has_answered = True
        if response.status == 200:
            return _answer(said, response.content_type)
        raise _refusal(self._url, response.status, said, response.headers.get("Retry-After", ""))


def _wait(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    told = error.retry_seconds if isinstance(error, ReceiverUnavailable) else None
    return min(_RETRY_SECONDS if told is None else told, _RETRY_SECONDS_MAX)


def _answer(said: bytes, content_type: str) -> Answer:
    """Read a success, which is partial where spans were rejected."""
    if content_type != _PROTOBUF:
        return Answer()
    try:
        partial = ExportTraceServiceResponse.FromString(said).partial_success
    except DecodeError:
        return Answer()
    return Answer(partial.rejected_spans, partial.error_message)


def _refusal(url: str, status: int, said: bytes, retry_after: str) -> Exception:
    message = f"{url} answered with {status}: {_message(said)}".removesuffix(": ")
    if status in _RETRYABLE:
        return ReceiverUnavailable(message, retry_seconds=_seconds(retry_after))
    if status == 401:
        return NotAuthenticated(f"{message}. Give a key by OTEL_EXPORTER_OTLP_HEADERS")
    if status == 403:
        return NotAllowed(message)
    if status in {404, 405, 415} or 300 <= status < 400:
        return NotFound(f"{message}. Is this where OTLP is received over HTTP?")
    return InvalidRequest(message)


def _message(said: bytes) -> str:
    try:
        message: str = Status.FromString(said).message
    except DecodeError:
        message = said.decode(errors="replace")
    return message[:500]


def _seconds(retry_after: str) -> float | None:
    """Read Retry-After: seconds, or a date."""
    if retry_after.isdecimal():
        return float(retry_after)
    try:
        at = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (at.astimezone(UTC) - datetime.now(UTC)).total_seconds())
