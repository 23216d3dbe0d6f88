"""What the value of a score may be, with a definition and without."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from query.marks.score import NewScore, ScoreChange
from query.marks.values import Value, typed
from runtime import settings
from runtime.config import DataType, ScoreDefinition
from runtime.errors import ConfigError, InvalidRequest

DEFINITIONS = (
    ScoreDefinition(name="quality", data_type="NUMERIC", min=0, max=1),
    ScoreDefinition(name="tone", data_type="CATEGORICAL", categories=("friendly", "rude")),
    ScoreDefinition(name="solved", data_type="BOOLEAN"),
    ScoreDefinition(name="note", data_type="TEXT"),
)


@pytest.mark.parametrize(
    ("name", "value", "data_type", "expected"),
    [
        ("free", 1, None, ("NUMERIC", 1.0, "")),
        ("free", 0.5, None, ("NUMERIC", 0.5, "")),
        ("free", True, None, ("BOOLEAN", 1.0, "")),
        ("free", "0.5", None, ("CATEGORICAL", None, "0.5")),
        ("free", "0.5", "NUMERIC", ("NUMERIC", 0.5, "")),
        ("free", 1, "BOOLEAN", ("BOOLEAN", 1.0, "")),
        ("free", "True", "BOOLEAN", ("BOOLEAN", 1.0, "")),
        ("free", "words", "TEXT", ("TEXT", None, "words")),
        ("quality", "1", None, ("NUMERIC", 1.0, "")),
        ("quality", 0, "NUMERIC", ("NUMERIC", 0.0, "")),
        ("tone", "rude", None, ("CATEGORICAL", None, "rude")),
        ("solved", "false", None, ("BOOLEAN", 0.0, "")),
        ("solved", 0, None, ("BOOLEAN", 0.0, "")),
        ("note", "7", None, ("TEXT", None, "7")),
    ],
)
def test_a_value_is_read_by_its_definition_or_its_type(
    name: str, value: Value, data_type: DataType | None, expected: tuple[str, float | None, str]
) -> None:
    """A form's texts and other programs' 0 and 1 mean what the type says."""
    assert tuple(typed(name, value, data_type, DEFINITIONS).values()) == expected


@pytest.mark.parametrize(
    ("name", "value", "data_type", "says"),
    [
        ("quality", 1.5, None, "must be 1 or less"),
        ("quality", "-0.1", None, "must be 0 or more"),
        ("quality", "good", None, "'good' is no number"),
        ("quality", "nan", None, "no number"),
        ("quality", "inf", None, "no number"),
        ("quality", True, None, "no number"),
        ("quality", 1, "BOOLEAN", "defined as NUMERIC, not as BOOLEAN"),
        ("tone", "grim", None, "must be one of: friendly, rude"),
        ("tone", 1, None, "must be a text"),
        ("solved", "maybe", None, "none of true, false"),
        ("solved", 2, None, "none of true, false"),
        ("free", 1, "TEXT", "must be a text"),
    ],
)
def test_a_value_outside_its_definition_is_refused_with_the_reason(
    name: str, value: Value, data_type: DataType | None, says: str
) -> None:
    """The message says what would be right."""
    with pytest.raises(InvalidRequest, match=says):
        typed(name, value, data_type, DEFINITIONS)


@pytest.mark.parametrize(
    "fields",
    [
        {"value": "nan-as-number", "session_id": "s", "trace_id": "t"},
        {"value": 1},
        {"value": 1, "session_id": "s", "span_id": "1"},
        {"value": float("nan"), "trace_id": "t"},
        {"value": float("inf"), "trace_id": "t"},
        {"value": "", "trace_id": "t"},
        {"value": "x" * 10_001, "trace_id": "t"},
        {"value": 1, "trace_id": "t", "comment": "x" * 10_001},
        {"value": 1, "trace_id": "t", "id": "two\nlines"},
        {"value": 1, "trace_id": "t", "name": ""},
        {"value": 1, "trace_id": "t", "name": "x" * 201},
        {"value": 1, "trace_id": "t", "metadata": {"a": "x" * 16_384}},
        {"value": 1, "trace_id": "t", "metadata": {"a": 2**64}},
        {"value": 1, "trace_id": "t", "comment": "\ud800"},
        {"value": 1, "trace_id": "t", "observation": "unknown"},
    ],
)
def test_what_cannot_be_a_score_is_refused(fields: dict[str, object]) -> None:
    """One subject; bounds; numbers that are numbers; text that is text; known fields alone."""
    with pytest.raises(ValidationError):
        NewScore.model_validate({"name": "free", **fields})
    assert NewScore.model_validate({"name": "free", "value": 1, "trace_id": "t"})


def test_a_change_keeps_numbers_and_booleans_apart() -> None:
    """JSON's true is no 1, and 1 is no true."""
    assert ScoreChange.model_validate({"value": True}).value is True
    assert type(ScoreChange.model_validate({"value": 1}).value) is not bool


@pytest.mark.parametrize(
    ("definition", "says"),
    [
        ("{name: a, data_type: TEXT, min: 1}", "min and max are for NUMERIC"),
        ("{name: a, data_type: NUMERIC, min: 1, max: 0}", "min is above max"),
        ("{name: a, data_type: CATEGORICAL}", "categories are for CATEGORICAL"),
        ("{name: a, data_type: NUMERIC, categories: [b]}", "categories are for CATEGORICAL"),
        ("{name: a, data_type: TEXT}, {name: a, data_type: TEXT}", "defined twice: a"),
        ("{name: a}", "data_type"),
    ],
)
def test_definitions_that_make_no_sense_are_refused(definition: str, says: str) -> None:
    """At the start, not when somebody scores."""
    with pytest.raises(ConfigError, match=says):
        settings.load(environment={}, assignments=[f"query.score_definitions=[{definition}]"])
    good = "query.score_definitions=[{name: a, data_type: CATEGORICAL, categories: [b, c]}]"
    [read] = settings.load(environment={}, assignments=[good]).query.score_definitions
    assert read.categories == ("b", "c")
