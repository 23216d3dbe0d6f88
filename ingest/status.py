"""
THE table: what each of our errors is to a gRPC and to an HTTP client, and when to come back.

OTLP (Failures): UNAVAILABLE and 503 are tried again, after the delay in RetryInfo or Retry-After.
RESOURCE_EXHAUSTED without RetryInfo, UNAUTHENTICATED, and every 4xx but 429, never are. 429 itself
is not used: OpenTelemetry's exporters for Python gave spans up at it for years.
"""

from __future__ import annotations

from typing import NamedTuple

import grpc
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import BadRequest, RetryInfo
from google.rpc.status_pb2 import Status

from runtime.errors import (
    BufferFull,
    InvalidRequest,
    NotAllowed,
    NotAuthenticated,
    RequestTooLarge,
    RetryableError,
)

_MESSAGE_BYTES_MAX = 1000


class Overloaded(RetryableError):
    """The process holds as many bytes of requests as it may."""


class ProjectOverloaded(Overloaded):
    """One project has as many of them under way as it may."""


class Throttled(RetryableError):
    """A project sends more bytes a second than it may, and may again in `retry_seconds`."""

    def __init__(self, message: str, *, retry_seconds: int) -> None:
        super().__init__(message)
        self.retry_seconds = retry_seconds


class TooSlow(RetryableError):
    """A body did not arrive whole, or not in time."""


class UnsupportedMediaType(InvalidRequest):
    """A body in a content type or encoding that is not known here."""


class NotFound(InvalidRequest):
    """A path at which there is nothing."""


class MethodNotAllowed(InvalidRequest):
    """A method that the path does not have."""


class Row(NamedTuple):
    """
    How one kind of error is told. Without `retry_seconds` a client must not try again; `cause` is
    what such refusals are counted by.
    """

    error: type[Exception]
    grpc: grpc.StatusCode
    http: int
    retry_seconds: int | None = None
    cause: str = ""


# The first row whose error fits holds. Subclasses come before their bases.
TABLE = (
    Row(NotAuthenticated, grpc.StatusCode.UNAUTHENTICATED, 401),
    Row(NotAllowed, grpc.StatusCode.PERMISSION_DENIED, 403),
    Row(RequestTooLarge, grpc.StatusCode.RESOURCE_EXHAUSTED, 413),
    Row(UnsupportedMediaType, grpc.StatusCode.INVALID_ARGUMENT, 415),
    Row(NotFound, grpc.StatusCode.NOT_FOUND, 404),
    Row(MethodNotAllowed, grpc.StatusCode.UNIMPLEMENTED, 405),
    Row(InvalidRequest, grpc.StatusCode.INVALID_ARGUMENT, 400),
    Row(BufferFull, grpc.StatusCode.UNAVAILABLE, 503, 3, "buffer_full"),  # it takes time to drain
    Row(Throttled, grpc.StatusCode.UNAVAILABLE, 503, 1, "rate"),
    Row(ProjectOverloaded, grpc.StatusCode.UNAVAILABLE, 503, 1, "share"),
    Row(Overloaded, grpc.StatusCode.UNAVAILABLE, 503, 1, "memory"),
    Row(TooSlow, grpc.StatusCode.UNAVAILABLE, 503, 1, "slow"),
    Row(RetryableError, grpc.StatusCode.UNAVAILABLE, 503, 1, "buffer"),
    Row(Exception, grpc.StatusCode.INTERNAL, 500),  # a bug of ours: the same would happen again
)


def row_of(error: Exception) -> Row:
    """Return the row that holds for `error`."""
    return next(row for row in TABLE if isinstance(error, row.error))


def message_of(error: Exception) -> str:
    """
    Return what the client may read. What a bug says is for our log alone. It has a bound: gRPC
    sends it twice in the trailers, and clients take 8 KiB of those.
    """
    if row_of(error).http == 500:
        return "internal error; see the server's log"
    return str(error).encode(errors="replace")[:_MESSAGE_BYTES_MAX].decode(errors="ignore")


def retry_info(error: Exception) -> RetryInfo | None:
    """Return when to come back, if that makes sense."""
    seconds = error.retry_seconds if isinstance(error, Throttled) else row_of(error).retry_seconds
    return None if seconds is None else RetryInfo(retry_delay=Duration(seconds=seconds))


def status_of(error: Exception) -> Status:
    """Return the error as the message that both transports carry."""
    row, message = row_of(error), message_of(error)
    status = Status(code=row.grpc.value[0], message=message)
    if retry := retry_info(error):
        status.details.add().Pack(retry)
    elif row.grpc is grpc.StatusCode.INVALID_ARGUMENT:
        violation = BadRequest.FieldViolation(description=message)
        status.details.add().Pack(BadRequest(field_violations=[violation]))
    return status
