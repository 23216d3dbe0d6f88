"""
Reaching Kafka: the options that every client takes, the words for what goes wrong, and clients
that are made anew for as long as it takes.
"""

from __future__ import annotations

import asyncio
import logging
import re
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from aiokafka.errors import KafkaConnectionError, KafkaError
from aiokafka.helpers import create_ssl_context
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential

from runtime import events
from runtime.config import KafkaBufferConfig
from runtime.errors import BufferUnavailable, ConfigError

# No answer of Kafka is waited for any longer.
ANSWER_SECONDS_MAX = 10.0
# Room for the headers of a record, and for those of the batch that it is sent in.
RECORD_BYTES_RESERVED = 1024

_OPEN_SECONDS_MAX = 20.0
_CLOSE_SECONDS_MAX = 2.0
_RETRY_SECONDS_MAX = 2.0

# All that is said of a broker that was spoken to in another protocol than its listener's.
_HUNG_UP = re.compile(r": $|closed$")

Client = TypeVar("Client")


class _LastWords(logging.Handler):
    """
    Keeps aiokafka's own log to the last line about a connection. It would write one each 100 ms for
    as long as a broker is away; but why a broker could not be connected to stands there and nowhere
    else. Warnings count as well: a broker that hangs up is none but a warning to it.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.text = ""

    def emit(self, record: logging.LogRecord) -> None:
        if record.module == "client":
            self.text = record.getMessage()


_last_words = _LastWords()
_log = logging.getLogger("aiokafka")
_log.addHandler(_last_words)
_log.propagate = False


def options(config: KafkaBufferConfig) -> dict[str, Any]:
    """
    Return what every client of aiokafka is to be given.

    Raises:
        ConfigError: a file with certificates cannot be read.
    """
    security = config.security
    given: dict[str, Any] = {
        "bootstrap_servers": list(config.bootstrap_servers),
        "client_id": "sessiontrail",
        "security_protocol": security.protocol.upper(),
    }
    if security.protocol.endswith("ssl"):
        try:
            given["ssl_context"] = create_ssl_context(
                cafile=security.ca_file,
                certfile=security.cert_file,
                keyfile=security.key_file,
                password=security.key_password.get_secret_value() or None,
            )
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                "buffer.kafka.security: ca_file, cert_file or key_file is not what it should be:"
                f" {error}"
            ) from error
    if security.protocol.startswith("sasl"):
        given["sasl_mechanism"] = security.mechanism
        given["sasl_plain_username"] = security.user
        given["sasl_plain_password"] = security.password.get_secret_value()
    return given


@contextmanager
def translated(config: KafkaBufferConfig) -> Iterator[None]:
    """Turn what aiokafka or the network says into an error that says what to do."""
    try:
        yield
    except (KafkaError, OSError) as error:  # TimeoutError is an OSError
        raise BufferUnavailable(_in_words(error, config)) from error


def _in_words(error: Exception, config: KafkaBufferConfig) -> str:
    servers = ", ".join(config.bootstrap_servers)
    if isinstance(error, KafkaConnectionError):
        why = _last_words.text or str(error)
        if _HUNG_UP.search(why):
            why = (
                f"{why.rstrip(': ')}; does buffer.kafka.security.protocol"
                f" ({config.security.protocol}) fit this listener?"
            )
        return f"Kafka at {servers} cannot be reached: {why}"
    if isinstance(error, TimeoutError):
        return f"Kafka at {servers} did not answer in time"
    return f"Kafka at {servers}: {error!r}"


class Kept(Generic[Client]):
    """A client that is opened again and again until that succeeds, and whenever it is given up."""

    def __init__(
        self,
        name: str,
        *,
        open_: Callable[[], Awaitable[Client]],
        close: Callable[[Client], Awaitable[None]],
    ) -> None:
        self._name = name
        self._open = open_
        self._close = close
        self._trouble = "Kafka has not answered yet"
        self._closed = False
        self._one_at_a_time = asyncio.Lock()
        self._closing: set[asyncio.Future[None]] = set()
        self._attempt: asyncio.Future[Client] | None = None
        self._start_opening()

    async def get(self, *, seconds_max: float) -> Client:
        """
        Return the client that is open.

        Raises:
            BufferUnavailable: none is; the message says what was tried last.
        """
        if self._closed:
            raise BufferUnavailable("This end of the log is closed.")
        if not self._is_open:
            # Once it is known that it takes longer, nobody is kept waiting.
            first: set[asyncio.Future[Any]] = {self._opening, self._failed}
            await asyncio.wait(first, timeout=seconds_max, return_when=asyncio.FIRST_COMPLETED)
        if not self._opening.done() or self._opening.cancelled():
            raise BufferUnavailable(self._trouble)
        return self._opening.result()

    def give_up(self, client: Client, *, why: str) -> None:
        """Let go of a client that may not be trusted any more, and open another one."""
        if self._is_open and self._opening.result() is client:
            events.buffer_client_renewed(client=self._name, error=why)
            self._trouble = why
            self._discard(client)
            self._start_opening()

    async def close(self) -> None:
        """Let go of everything; nothing is opened any more. May be called twice."""
        async with self._one_at_a_time:  # who comes second may rely on it as well
            if self._is_open:
                self._discard(self._opening.result())
            self._closed = True
            self._opening.cancel()
            await asyncio.wait([self._opening])
            await self._end_attempt()
            await asyncio.gather(*self._closing, return_exceptions=True)

    @property
    def _is_open(self) -> bool:
        opening = self._opening
        is_done = opening.done() and not opening.cancelled() and opening.exception() is None
        return is_done and not self._closed

    def _start_opening(self) -> None:
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._opening = asyncio.create_task(self._keep_opening(), name=f"open {self._name}")

    def _discard(self, client: Client) -> None:
        closing = asyncio.ensure_future(self._close(client))
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    async def _end_attempt(self) -> None:
        """Let an attempt come to its end: cancelled, aiokafka would leave its connections open."""
        attempt, self._attempt = self._attempt, None
        if attempt is None:
            return
        ended, _ = await asyncio.wait([attempt], timeout=_CLOSE_SECONDS_MAX)
        if not ended:
            attempt.cancel()
            await asyncio.wait([attempt])
        elif attempt.exception() is None:
            self._discard(attempt.result())

    async def _keep_opening(self) -> Client:
        def before_sleep(state: RetryCallState) -> None:
            self._trouble = str(state.outcome.exception()) if state.outcome else self._trouble
            if not self._failed.done():
                self._failed.set_result(None)
            events.buffer_unreachable(client=self._name, error=self._trouble)

        async for attempt in AsyncRetrying(
            retry=retry_if_exception_type(BufferUnavailable),
            wait=wait_exponential(multiplier=0.1, max=_RETRY_SECONDS_MAX),
            before_sleep=before_sleep,
        ):
            with attempt:
                self._attempt = asyncio.ensure_future(self._open())
                client = await asyncio.shield(self._attempt)
                self._attempt = None
                if self._failed.done():
                    events.buffer_reached(client=self._name)
                return client
        raise AssertionError("unreachable: the retry never gives up")


async def opened(
    client: Client,
    *,
    start: Callable[[], Awaitable[None]],
    close: Callable[[Client], Awaitable[None]],
    config: KafkaBufferConfig,
) -> Client:
    """
    Start a client of aiokafka, or close it again: it must be closed even where it never started.

    Raises:
        BufferUnavailable: Kafka cannot be reached, or not in time.
    """
    try:
        with translated(config):
            async with asyncio.timeout(_OPEN_SECONDS_MAX):
                await start()
    except BaseException:
        await close(client)
        raise
    return client
