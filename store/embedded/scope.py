"""
What holds for one query alone: its database, settings and parameters.

On a ClickHouse server every HTTP request starts from the defaults; here every query starts on a
fresh connection, and these statements bring that connection to where the request wants it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from runtime.errors import StoreRefused

UNKNOWN_SETTING = 115

# Parameters of the HTTP interface that are no settings of the engine.
_OF_THE_INTERFACE = {
    *("buffer_size", "client_protocol_version", "close_session", "compress", "database"),
    *("decompress", "default_format", "password", "query", "query_id", "quota_key", "role"),
    *("session_check", "session_id", "session_timeout", "stacktrace", "user", "wait_end_of_query"),
}
# Not for a request to choose: chDB has no queue of asynchronous inserts, so an insert that asked
# for one might be lost; and a server takes `1 + 1` for a syntax error, not for a SELECT.
_FIXED = {"async_insert": "0", "implicit_select": "0"}
# Engine 26.9 moves a function behind ORDER BY and back for ever, until it gives up (code 572):
# SELECT upper(x) AS u, length(x) FROM v ORDER BY u.
_DEFAULTS = {"query_plan_execute_functions_after_sorting": "0"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The database, settings and parameters of one query."""

    database: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)
    readonly: bool = False

    @classmethod
    def of(cls, arguments: Mapping[str, str], *, database: str, readonly: bool) -> Scope:
        """The scope that a request's URL arguments ask for."""
        settings = {k: v for k, v in arguments.items() if k not in _OF_THE_INTERFACE}
        return cls(database=database, settings=settings, readonly=readonly)

    def statements(self, mark: str) -> Iterator[str]:
        """
        Bring a fresh connection into this scope.

        `mark` goes into `log_comment`, by which a running query can be found and killed.
        """
        if self.database:
            yield f"USE {_quoted(self.database, '`')}"
        settings = {**_DEFAULTS, **self.settings, **_FIXED, "log_comment": mark}
        if self.readonly:
            settings["readonly"] = "2"  # last, as a setting can be changed in this mode but for it
        yield "SET " + ", ".join(_assignment(name, value) for name, value in settings.items())


def _assignment(name: str, value: str) -> str:
    if not re.fullmatch(r"\w+", name, re.ASCII):
        raise StoreRefused(f"Unknown setting {name!r}. (UNKNOWN_SETTING)", code=UNKNOWN_SETTING)
    return f"{name}={_quoted(value, chr(39))}"


def _quoted(text: str, quote: str) -> str:
    return quote + text.replace("\\", "\\\\").replace(quote, "\\" + quote) + quote
