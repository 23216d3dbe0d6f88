"""Who may ask: the one user `default`, with the password that the store was started with."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping

from runtime.errors import StoreRefused

AUTHENTICATION_FAILED = 516
_USER = "default"


def authenticate(headers: Mapping[str, str], arguments: Mapping[str, str], password: str) -> None:
    """Refuse a request that does not come with the right user and password."""
    # Any page that a person here has open could send statements to a port without a password;
    # browsers say so of such requests, and no other client sends this header.
    if headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}:
        raise StoreRefused(
            "Requests from pages of other sites are refused. (AUTHENTICATION_FAILED)",
            code=AUTHENTICATION_FAILED,
        )
    user, given = _credentials(headers, arguments)
    # Both are always compared, so that the time taken tells nothing.
    right_password = hmac.compare_digest(given.encode(), password.encode())
    if not (hmac.compare_digest(user.encode(), _USER.encode()) and right_password):
        raise StoreRefused(
            f"{user}: Authentication failed: password is incorrect, or there is no user with such "
            "name. (AUTHENTICATION_FAILED)",
            code=AUTHENTICATION_FAILED,
        )


def _credentials(headers: Mapping[str, str], arguments: Mapping[str, str]) -> tuple[str, str]:
    """User and password from the first place that has any, as ClickHouse looks for them."""
    if "X-ClickHouse-User" in headers or "X-ClickHouse-Key" in headers:
        return headers.get("X-ClickHouse-User", _USER), headers.get("X-ClickHouse-Key", "")
    if "Authorization" in headers:
        return _basic(headers["Authorization"])
    return arguments.get("user") or _USER, arguments.get("password", "")


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, encoded = authorization.partition(" ")
    try:
        decoded = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, ValueError):
        decoded = ""
    user, separator, password = decoded.partition(":")
    if scheme.lower() != "basic" or not separator:
        raise StoreRefused(
            "Only Basic authentication is known here. (AUTHENTICATION_FAILED)",
            code=AUTHENTICATION_FAILED,
        )
    return user or _USER, password
