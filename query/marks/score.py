"""What a score is, as it comes in and as it goes out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, JsonValue, computed_field

from query.marks.mark import Condition, Id, Mark, MarkFilters, Subject, Text
from query.marks.values import Value
from runtime.config import DataType

Source = Literal["API", "ANNOTATION", "EVAL"]

METADATA_BYTES_MAX = 16 * 1024


def _bounded(metadata: dict[str, JsonValue]) -> dict[str, JsonValue]:
    try:
        size = len(orjson.dumps(metadata))
    except orjson.JSONEncodeError as error:
        raise ValueError(f"this cannot be kept as JSON: {error}") from error
    if size > METADATA_BYTES_MAX:
        raise ValueError(f"these are {size} bytes of JSON; {METADATA_BYTES_MAX} are the most")
    return metadata


# Ids stand in paths, which cannot have line breaks.
ScoreId = Annotated[str, Field(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Metadata = Annotated[dict[str, JsonValue], AfterValidator(_bounded)]


class NewScore(Subject):
    """A score to be created. If there is one with its id, that one is replaced."""

    id: ScoreId = Field(default="", description="Any text in one line; made up unless given.")
    name: Name
    value: Value = Field(description="A number, a boolean or a text.")
    data_type: DataType | None = Field(
        default=None, description="Unless given: by the definition of the name, or by the value."
    )
    comment: Text = ""
    environment: Id = ""
    metadata: Metadata = Field(default={})


class ScoreChange(BaseModel):
    """What is to be changed of a score; the rest stays."""

    model_config = ConfigDict(extra="forbid")

    value: Value | None = None
    comment: Text | None = None
    metadata: Metadata | None = None


class Score(Mark):
    """A score, as one of its edits left it."""

    name: str
    data_type: DataType
    number: float | None = Field(default=None, exclude=True)
    text: str = Field(default="", exclude=True)
    comment: str
    environment: str
    metadata_json: str = Field(exclude=True)
    source: Source

    @computed_field  # type: ignore[prop-decorator] # as pydantic's documentation has it
    @property
    def value(self) -> float | bool | str:
        """A number, a boolean or a text, by the data type."""
        if self.number is None:
            return self.text
        return bool(self.number) if self.data_type == "BOOLEAN" else self.number

    @computed_field  # type: ignore[prop-decorator]
    @property
    def metadata(self) -> dict[str, Any]:
        """What else was said of the score."""
        metadata: dict[str, Any] = orjson.loads(self.metadata_json)
        return metadata


class ScoreFilters(MarkFilters):
    """Which scores. Those that are given must all hold."""

    name: Annotated[str, Field(max_length=200)] = ""
    data_type: DataType | None = None
    source: Source | None = None
    environment: Id = ""

    def conditions(self) -> Iterator[Condition]:
        """Yield what must hold, each with the parameters it names. `project` is the caller's."""
        yield from super().conditions()
        yield from self._equal(
            name="Name", data_type="DataType", source="Source", environment="Environment"
        )
