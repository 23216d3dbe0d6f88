"""The table of errors, row by row."""

from __future__ import annotations

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, RetryInfo

from ingest import status
from ingest.status import TABLE, message_of, retry_info, row_of, status_of
from runtime import errors

ROWS = [
    (errors.NotAuthenticated("no"), grpc.StatusCode.UNAUTHENTICATED, 401, None),
    (errors.NotAllowed("no"), grpc.StatusCode.PERMISSION_DENIED, 403, None),
    (errors.InvalidRequest("no"), grpc.StatusCode.INVALID_ARGUMENT, 400, None),
    (status.NotFound("no"), grpc.StatusCode.NOT_FOUND, 404, None),
    (status.MethodNotAllowed("no"), grpc.StatusCode.UNIMPLEMENTED, 405, None),
    (errors.RequestTooLarge("no"), grpc.StatusCode.RESOURCE_EXHAUSTED, 413, None),
    (status.UnsupportedMediaType("no"), grpc.StatusCode.INVALID_ARGUMENT, 415, None),
    (errors.BufferFull("no"), grpc.StatusCode.UNAVAILABLE, 503, 3),
    (errors.BufferUnavailable("no"), grpc.StatusCode.UNAVAILABLE, 503, 1),
    (status.Throttled("no", retry_seconds=7), grpc.StatusCode.UNAVAILABLE, 503, 7),
    (status.ProjectOverloaded("no"), grpc.StatusCode.UNAVAILABLE, 503, 1),
    (status.TooSlow("no"), grpc.StatusCode.UNAVAILABLE, 503, 1),
    (status.Overloaded("no"), grpc.StatusCode.UNAVAILABLE, 503, 1),
    (errors.RetryableError("no"), grpc.StatusCode.UNAVAILABLE, 503, 1),
    (ValueError("no"), grpc.StatusCode.INTERNAL, 500, None),
]


@pytest.mark.parametrize(
    ("error", "code", "http", "retry_seconds"), ROWS, ids=[type(row[0]).__name__ for row in ROWS]
)
def test_maps_each_error(
    error: Exception, code: grpc.StatusCode, http: int, retry_seconds: int | None
) -> None:
    """Codes, HTTP statuses and delays are as the table says, and so is the message."""
    row, told = row_of(error), status_of(error)

    assert (row.grpc, row.http) == (code, http)
    assert (row.retry_seconds is None) == (retry_seconds is None)
    assert told.code == code.value[0]
    assert told.message == message_of(error)
    retry = retry_info(error)
    assert (retry.retry_delay.seconds if retry else None) == retry_seconds


def test_every_row_is_tested() -> None:
    """A row that is added here needs a line above."""
    assert {row.error for row in TABLE} == {row_of(error).error for error, *_ in ROWS}


def test_only_retryable_errors_tell_when_to_come_back() -> None:
    """OTLP: RESOURCE_EXHAUSTED with RetryInfo would be retried."""
    for error, *_ in ROWS:
        details = status_of(error).details
        assert any(detail.Is(RetryInfo.DESCRIPTOR) for detail in details) == isinstance(
            error, errors.RetryableError
        )


def test_tells_what_is_wrong_with_a_bad_request() -> None:
    """OTLP: INVALID_ARGUMENT may carry BadRequest."""
    violations = BadRequest()

    assert status_of(errors.InvalidRequest("spans are missing")).details[0].Unpack(violations)
    assert violations.field_violations[0].description == "spans are missing"


def test_keeps_what_a_bug_says_to_itself() -> None:
    """The message of an unexpected error may hold anything."""
    assert "secret" not in status_of(KeyError("secret")).message


@pytest.mark.parametrize("character", ["x", "ü", "\U0001f600"])
def test_messages_have_a_bound(character: str) -> None:
    """Whatever a sender makes us repeat, the answer fits into the trailers of a call."""
    told = status_of(errors.InvalidRequest(character * 100_000))

    assert 990 < len(told.message.encode()) <= 1000
    assert set(told.message) == {character}
    assert told.ByteSize() < 2500
