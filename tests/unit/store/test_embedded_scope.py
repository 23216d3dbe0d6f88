"""Settings, credentials and statuses: what a request asks for, and what it is told."""

import base64

import pytest

from runtime.errors import StoreRefused
from store.embedded.auth import authenticate
from store.embedded.scope import Scope
from store.embedded.status import content_type, status_of

FIXED = "async_insert='0', implicit_select='0'"


def test_quotes_settings_parameters_and_the_database() -> None:
    """Values cannot end their quotes, and arguments of the interface are no settings."""
    scope = Scope.of(
        {"query": "x", "user": "u", "max_threads": "1", "param_p": "it's \\n\nü"},
        database="a`b",
        readonly=False,
    )
    assert list(scope.statements("mark")) == [
        "USE `a\\`b`",
        (
            "SET query_plan_execute_functions_after_sorting='0', "
            "max_threads='1', param_p='it\\'s \\\\n\nü', "
            "async_insert='0', implicit_select='0', log_comment='mark'"
        ),
    ]


def test_does_not_let_a_request_choose_what_is_fixed() -> None:
    """An asynchronous insert could be lost in this engine, whatever the client asks."""
    scope = Scope.of({"async_insert": "1", "readonly": "0"}, database="", readonly=True)
    (statement,) = scope.statements("m")
    assert "async_insert='0'" in statement
    assert "readonly='2'" in statement


def test_refuses_a_setting_whose_name_is_sql() -> None:
    """A name is not quoted, so it must be one."""
    scope = Scope.of({"a=1, b": "2"}, database="", readonly=False)
    with pytest.raises(StoreRefused) as refused:
        list(scope.statements("m"))
    assert refused.value.code == 115


def _basic(credentials: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(credentials.encode()).decode()}


@pytest.mark.parametrize(
    ("headers", "arguments"),
    [
        (_basic("default:pä:ss"), {}),
        (_basic(":pä:ss"), {}),
        ({"X-ClickHouse-User": "default", "X-ClickHouse-Key": "pä:ss"}, {}),
        ({"X-ClickHouse-Key": "pä:ss"}, {}),
        ({}, {"user": "default", "password": "pä:ss"}),
        ({}, {"password": "pä:ss"}),
    ],
)
def test_lets_in_who_has_the_password(headers: dict[str, str], arguments: dict[str, str]) -> None:
    """Credentials may come in any of the three places."""
    authenticate(headers, arguments, "pä:ss")


@pytest.mark.parametrize(
    ("headers", "arguments"),
    [
        ({}, {}),
        (_basic("default:wrong"), {}),
        (_basic("other:pass"), {}),
        (_basic("default"), {}),
        ({"Authorization": "Basic !"}, {}),
        ({"Authorization": "Bearer pass"}, {}),
        ({"X-ClickHouse-User": "other", "X-ClickHouse-Key": "pass"}, {}),
        ({}, {"user": "other", "password": "pass"}),
    ],
)
def test_refuses_everyone_else(headers: dict[str, str], arguments: dict[str, str]) -> None:
    """A wrong user, a wrong password and none at all look the same."""
    with pytest.raises(StoreRefused) as refused:
        authenticate(headers, arguments, "pass")
    assert refused.value.code == 516


def test_needs_no_password_where_there_is_none() -> None:
    """A store without a password lets in the user default, and no other."""
    authenticate({}, {}, "")
    authenticate(_basic("default:"), {}, "")
    with pytest.raises(StoreRefused):
        authenticate(_basic("other:"), {}, "")


@pytest.mark.parametrize(
    ("code", "status"),
    [(62, 400), (516, 403), (60, 404), (81, 404), (115, 404), (159, 408), (202, 503), (241, 500)],
)
def test_answers_errors_with_the_status_of_a_server(code: int, status: int) -> None:
    """Codes have the status that ClickHouse gives them."""
    assert status_of(code) == status


@pytest.mark.parametrize(
    ("format_name", "expected"),
    [
        ("JSONEachRow", "application/json; charset=UTF-8"),
        ("CSVWithNames", "text/csv; charset=UTF-8"),
        ("TabSeparated", "text/tab-separated-values; charset=UTF-8"),
        ("Native", "application/octet-stream"),
    ],
)
def test_names_the_type_of_a_result(format_name: str, expected: str) -> None:
    """The Content-Type follows the format."""
    assert content_type(format_name) == expected


def test_refuses_pages_of_other_sites() -> None:
    """A page that somebody has open must not reach a store without a password."""
    with pytest.raises(StoreRefused, match="other sites"):
        authenticate({"Sec-Fetch-Site": "cross-site"}, {}, "")
    authenticate({"Sec-Fetch-Site": "same-origin"}, {}, "")
