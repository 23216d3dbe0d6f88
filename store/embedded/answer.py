"""What ClickHouse's HTTP interface says besides the result: statuses, headers and error texts."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

from aiohttp import web

from runtime.errors import StoreRefused
from store.embedded.engine import Counts

# ClickHouse's own table of error codes (exceptionCodeToHTTPStatus.cpp) as of version 26.
_CODES_BY_STATUS = {
    400: {6, 8, 15, 25, 26, 27, 36, 37, 38, 41, 44, 53, 62, 72, 117, 123, 167, 168, 223, 321, 376}
    | {427, 441, 675, 676},
    401: {194},
    403: {192, 193, 497, 512, 516},
    404: {46, 47, 50, 56, 60, 63, 73, 78, 81, 115, 152, 336, 511},
    408: {159},
    411: {381},
    413: {229},
    415: {779},
    501: {48},
    503: {76, 209, 439},
}
_STATUSES = {code: status for status, codes in _CODES_BY_STATUS.items() for code in codes}
# A server says 500 to these. But the first two are the request's own fault, an encoding unknown or
# a corrupt body; and what comes at a busy time (202) may be sent again as it is.
_STATUSES |= {89: 400, 271: 400, 202: 503}

_CONTENT_TYPES = {
    "CSV": "text/csv; charset=UTF-8",
    "JSON": "application/json; charset=UTF-8",
    "Pretty": "text/plain; charset=UTF-8",
    "TSV": "text/tab-separated-values; charset=UTF-8",
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
}


def status_of(code: int) -> int:
    """The HTTP status that goes with a ClickHouse error code."""
    return _STATUSES.get(code, 500)


def content_type(format_name: str) -> str:
    """The Content-Type of a result in a format."""
    known = (kind for start, kind in _CONTENT_TYPES.items() if format_name.startswith(start))
    return next(known, "application/octet-stream")


def error(refusal: StoreRefused, *, version: str, headers: Mapping[str, str]) -> web.Response:
    """An error as ClickHouse words it."""
    text = f"Code: {refusal.code}. DB::Exception: {refusal}"
    if "(version " not in text:
        text += f" (version {version})"
    return web.Response(
        text=text + "\n",
        status=status_of(refusal.code),
        headers={**headers, "X-ClickHouse-Exception-Code": str(refusal.code)},
    )


def summary(counts: Counts, *, started: float) -> dict[str, str]:
    """The header that says what a query read and wrote; `started` is time.monotonic()'s."""
    figures = {
        "read_rows": counts.read_rows,
        "read_bytes": counts.read_bytes,
        "written_rows": counts.written_rows,
        "written_bytes": counts.written_bytes,
        "total_rows_to_read": 0,
        "result_rows": counts.result_rows,
        "result_bytes": 0,
        "elapsed_ns": int((time.monotonic() - started) * 1e9),
    }
    return {"X-ClickHouse-Summary": json.dumps({k: str(v) for k, v in figures.items()})}
