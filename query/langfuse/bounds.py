"""An answer that Langfuse's API does not divide into pages has an end all the same."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from runtime.errors import InvalidRequest, StoreRefused

_ROWS_MAX = 10_000
_BYTES_MAX = 64 * 2**20
_TOO_MANY_ROWS_OR_BYTES = 396  # ClickHouse's code

# The end of a SELECT whose rows become one answer.
BOUNDED = f"SETTINGS max_result_rows = {_ROWS_MAX}, max_result_bytes = {_BYTES_MAX}"


@contextmanager
def answerable(advice: str) -> Iterator[None]:
    """
    Run BOUNDED statements.

    Raises:
        InvalidRequest: one had more to say than fits an answer; the message ends with `advice`.
    """
    try:
        yield
    except StoreRefused as error:
        if error.code != _TOO_MANY_ROWS_OR_BYTES:
            raise
        raise InvalidRequest(
            f"more than {_ROWS_MAX} items or {_BYTES_MAX // 2**20} MiB do not fit one answer:"
            f" {advice}"
        ) from error
