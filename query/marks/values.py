"""
The value of a score: what it may be, and how it is read.

A value is a number, a boolean or a text. A form has texts alone, and other programs send booleans
as 0 and 1, so the data type decides what a value means.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, TypedDict

from pydantic import Field, FiniteFloat, Strict, StrictBool

from query.marks.mark import Text
from runtime.config import DataType, ScoreDefinition
from runtime.errors import InvalidRequest

Value = Annotated[FiniteFloat, Strict()] | StrictBool | Annotated[Text, Field(min_length=1)]

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


class Typed(TypedDict):
    """A value as it is stored: numbers and booleans as a number, categories and texts as text."""

    data_type: DataType
    number: float | None
    text: str


def typed(
    name: str, value: Value, data_type: DataType | None, definitions: Sequence[ScoreDefinition]
) -> Typed:
    """
    Return the value of a score of this name, by its definition or else by the given data type. With
    neither, a number is NUMERIC, a boolean BOOLEAN, and a text CATEGORICAL.

    Raises:
        InvalidRequest: the value is none of that type, or not within the definition.
    """
    definition = next((d for d in definitions if d.name == name), None)
    if definition is None:
        return _read(name, value, data_type or _inferred(value))
    if data_type not in (None, definition.data_type):
        raise InvalidRequest(
            f"the score '{name}' is defined as {definition.data_type}, not as {data_type}"
        )
    read = _read(name, value, definition.data_type)
    _check(read, definition)
    return read


def _inferred(value: Value) -> DataType:
    if isinstance(value, bool):
        return "BOOLEAN"
    return "CATEGORICAL" if isinstance(value, str) else "NUMERIC"


def _read(name: str, value: Value, data_type: DataType) -> Typed:
    if data_type == "NUMERIC":
        return Typed(data_type=data_type, number=_number(name, value), text="")
    if data_type == "BOOLEAN":
        return Typed(data_type=data_type, number=float(_boolean(name, value)), text="")
    if not isinstance(value, str):
        raise InvalidRequest(f"the score '{name}' is {data_type}: its value must be a text")
    return Typed(data_type=data_type, number=None, text=value)


def _number(name: str, value: Value) -> float:
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InvalidRequest(f"the score '{name}' is NUMERIC: '{value}' is no number")
    return number


def _boolean(name: str, value: Value) -> bool:
    text = str(int(value)) if value in (0, 1) and not isinstance(value, str) else str(value).lower()
    if text not in _BOOLEANS:
        raise InvalidRequest(
            f"the score '{name}' is BOOLEAN: '{value}' is none of true, false, 1, 0"
        )
    return _BOOLEANS[text]


def _check(value: Typed, definition: ScoreDefinition) -> None:
    number, low, high = value["number"], definition.min, definition.max
    if number is not None:
        if low is not None and number < low:
            raise InvalidRequest(f"the score '{definition.name}' must be {low:g} or more")
        if high is not None and number > high:
            raise InvalidRequest(f"the score '{definition.name}' must be {high:g} or less")
    if definition.categories and value["text"] not in definition.categories:
        raise InvalidRequest(
            f"the score '{definition.name}' must be one of: {', '.join(definition.categories)}"
        )
