"""The filters of the session list, and its cursors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from query import cursor
from query.filters import SessionFilters, score_condition
from runtime.errors import InvalidRequest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("helpful", ("helpful", "", "", None)),
        ("helpful>=0.5", ("helpful", ">=", "0.5", 0.5)),
        ("tone = friendly", ("tone", "=", "friendly", None)),
        ("is ok!=true", ("is ok", "!=", "true", 1.0)),
        ("off=false", ("off", "=", "false", 0.0)),
        ("odd=nan", ("odd", "=", "nan", None)),
    ],
)
def test_conditions_on_scores(text: str, expected: tuple[str, str, str, float | None]) -> None:
    """A name, or a comparison."""
    condition = score_condition(text)
    assert (condition.name, condition.operator, condition.value, condition.number) == expected


@pytest.mark.parametrize("text", ["", ">=1", "x>=much", "x<nan"])
def test_what_is_no_condition_is_refused(text: str) -> None:
    """A filter that is not understood must not let everything pass."""
    with pytest.raises(ValidationError):
        SessionFilters(score=[text])


def test_an_unknown_filter_is_refused() -> None:
    """It would be ignored else, and show wrong sessions."""
    with pytest.raises(ValidationError, match="Extra inputs"):
        SessionFilters.model_validate({"sesionId": "x"})


def test_the_last_hours_move_with_the_clock() -> None:
    """A shared link to "the last 24 hours" goes on meaning that."""
    since = SessionFilters(last="24h").active_since
    assert since is not None
    assert abs(datetime.now(UTC) - timedelta(days=1) - since) < timedelta(seconds=5)
    later = datetime.now(UTC) - timedelta(hours=1)
    assert SessionFilters.model_validate({"last": "24h", "from": later}).active_since == later


@given(st.tuples(st.integers(-(2**62), 2**62), st.text(), st.floats(allow_nan=False, width=64)))
def test_cursors_give_back_what_they_were_made_of(key: tuple[int, str, float]) -> None:
    """To the last bit."""
    if abs(key[2]) == float("inf"):
        return
    assert cursor.decode(cursor.encode(*key), (int, str, float)) == key


@given(st.text())
def test_a_cursor_of_another_list_is_refused(text: str) -> None:
    """In words, never by an error of ours."""
    with pytest.raises(InvalidRequest, match="cursor"):
        cursor.decode(text, (int, str))
    with pytest.raises(InvalidRequest, match="cursor"):
        cursor.decode(cursor.encode("a", 1), (int, str))
    with pytest.raises(InvalidRequest, match="cursor"):
        cursor.decode(cursor.encode(2**63, "a"), (int, str))
