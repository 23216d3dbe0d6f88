"""What HTTP says about errors and formats, as a ClickHouse server does."""

from __future__ import annotations

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
