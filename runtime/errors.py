"""
Our exception tree. Every error is either worth another try or not, from birth:

* PipelineError
  + RetryableError        the same call may succeed later
    - BufferUnavailable   the log could not take or give records right now
      x BufferFull        the log holds as many bytes as it may
    - DeadLettersFull     as many dead letters wait as may
    - StoreUnavailable    ClickHouse is away, overloaded or out of time
      x StoreOutOfMemory  ... or had no memory for so large a statement
    - ReceiverUnavailable nobody takes the spans that are sent, or not right now
  + PermanentError        the same input will always be refused
    - InvalidRequest      a request that is no OTLP, or over a limit
      x RequestTooLarge   ... of bytes, spans or objects
    - StoreRefused        ClickHouse refused a statement
      x UnreadableRecords ... because it could not parse the records sent along
    - NoSuchDeadLetter    no dead letter with that id waits
    - NotFound            no session, trace, score … with that id is there
    - NotAuthenticated    nobody knows who asks
    - NotAllowed          who asks is known, and may not do this
    - SchemaMismatch      the store's tables and views are not those of this release
  + ConfigError           settings that cannot work; the message names them

Errors of vendors (aiokafka, clickhouse-connect, sqlite3, grpc) are translated once, in that
vendor's file.
"""

from __future__ import annotations


class PipelineError(Exception):
    """Anything this system raises on purpose."""


class RetryableError(PipelineError):
    """The same call may succeed later; nothing is known to be wrong with its input."""


class BufferUnavailable(RetryableError):
    """The log could not take or give records right now."""


class BufferFull(BufferUnavailable):
    """The log holds as many bytes as it may; it drains as the workers catch up."""


class DeadLettersFull(RetryableError):
    """As many dead letters wait as may; somebody has to look at them."""


class StoreUnavailable(RetryableError):
    """ClickHouse is away, overloaded or out of time."""


class StoreOutOfMemory(StoreUnavailable):
    """ClickHouse had no memory for so large a statement; a smaller one may pass."""


class ReceiverUnavailable(RetryableError):
    """Nobody takes the spans that are sent, or not for `retry_seconds`, where that was said."""

    def __init__(self, message: str, *, retry_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_seconds = retry_seconds


class PermanentError(PipelineError):
    """The same input will always be refused."""


class InvalidRequest(PermanentError):
    """A request that cannot be read as OTLP, or that is over a limit."""


class RequestTooLarge(InvalidRequest):
    """A request of too many bytes after decompression, too many spans, or too many objects."""


class StoreRefused(PermanentError):
    """ClickHouse refused a statement. `code` is ClickHouse's error code, 0 where it gave none."""

    def __init__(self, message: str, *, code: int = 0) -> None:
        super().__init__(message)
        self.code = code


class UnreadableRecords(StoreRefused):
    """ClickHouse could not parse the records that were sent along with an insert."""


class NoSuchDeadLetter(PermanentError):
    """No dead letter with that id waits."""


class NotFound(PermanentError):
    """No session, trace, score … with that id is there, or not for whoever asks."""


class NotAuthenticated(PermanentError):
    """Nobody knows who asks: a log-in or a project key is missing, or is not right."""


class NotAllowed(PermanentError):
    """Who asks is known, and has no role that allows this."""


class SchemaMismatch(PermanentError):
    """The store's tables and views are not those of this release."""


class ConfigError(PipelineError):
    """Settings that cannot work. The message names each key and what to do."""
