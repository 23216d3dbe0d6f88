"""
The filters and the order of the session list, as they stand in a URL.

The API and the page take the same ones, so that what is on the page can be asked for by program,
and a link to a filtered page can be shared. A name that is no filter is an error: a filter that is
ignored in silence shows wrong sessions.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field

PAGE_MAX = 200

_SCORE = re.compile(r"(?P<name>[^<>=!]+?)\s*(?:(?P<operator><=|>=|!=|<|>|=)\s*(?P<value>.*))?")
_SPAN = re.compile(r"(?P<count>[1-9][0-9]{0,4})(?P<unit>[mhd])")
_BOOLEANS = {"true": 1.0, "false": 0.0}
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}

Status = Literal["open", "idle", "ended"]
SortName = Literal[
    "start", "end", "duration", "traces", "spans", "errors", "input_tokens", "output_tokens",
    "tokens", "cost", "id",
]  # fmt: skip
Sort = Literal[
    "start", "end", "duration", "traces", "spans", "errors", "input_tokens", "output_tokens",
    "tokens", "cost", "id", "-start", "-end", "-duration", "-traces", "-spans", "-errors",
    "-input_tokens", "-output_tokens", "-tokens", "-cost", "-id",
]  # fmt: skip


class ScoreCondition(BaseModel):
    """A condition on the scores of a session: that it has one, or has one with such a value."""

    model_config = ConfigDict(frozen=True)

    name: str
    operator: str = ""
    value: str = ""

    @property
    def number(self) -> float | None:
        """The value as a number, if it is one; true and false are 1 and 0."""
        text = self.value.lower()
        try:
            number = _BOOLEANS[text] if text in _BOOLEANS else float(text)
        except ValueError:
            return None
        return number if math.isfinite(number) else None


def score_condition(text: str) -> ScoreCondition:
    """
    Read `name`, `name>=0.5` or `name=friendly`.

    Raises:
        ValueError: it is neither.
    """
    match = _SCORE.fullmatch(text.strip())
    if not match:
        raise ValueError(f"'{text}' is no condition; write name, name>=0.5 or name=friendly")
    condition = ScoreCondition(**{k: v or "" for k, v in match.groupdict().items()})
    if condition.operator in ("<", "<=", ">", ">=") and condition.number is None:
        raise ValueError(f"'{text}' compares with '{condition.value}', which is no number")
    return condition


def _checked_score(text: str) -> str:
    score_condition(text)
    return text


def _checked_span(text: str) -> str:
    if text and not _SPAN.fullmatch(text):
        raise ValueError("write how far back, such as 30m, 24h or 7d")
    return text


Text = Annotated[str, Field(max_length=10_000)]
Texts = Annotated[list[Text], Field(max_length=50)]
Count = Annotated[int, Field(ge=0, lt=2**63)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class SessionFilters(BaseModel):
    """Which sessions. Those that are given must all hold; of several values any one must."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    project: str = Field(default="", description="The project, where one may see several.")
    since: AwareDatetime | None = Field(
        default=None, alias="from", description="Active at or after this time (RFC 3339)."
    )
    to: AwareDatetime | None = Field(default=None, description="Begun before this time.")
    last: Annotated[str, AfterValidator(_checked_span)] = Field(
        default="", description="Active within so long until now: 30m, 24h, 7d."
    )
    q: Text = Field(
        default="", description="Text in the id, the first input or the last output (its preview)."
    )
    user: Texts = Field(default=[], description="A user id.")
    environment: Texts = Field(default=[], description="An environment.")
    tag: Texts = Field(default=[], description="A tag.")
    model: Texts = Field(default=[], description="A model that was used.")
    service: Texts = Field(default=[], description="A service.")
    status: list[Status] = Field(default=[], description="`open`, `idle` or `ended`.")
    errors: bool | None = Field(default=None, description="Whether any span failed.")
    bookmarked: bool | None = Field(default=None, description="Whether it is bookmarked.")
    comment: Text = Field(default="", description="Text in a comment on it.")
    commented: bool | None = Field(default=None, description="Whether there is a comment on it.")
    score: list[Annotated[Text, AfterValidator(_checked_score)]] = Field(
        default=[],
        max_length=20,
        description="A condition on its scores and its traces': `name`, `name>=0.5`, "
        "`name=friendly`. Several must all hold.",
    )
    duration_min: Amount | None = Field(default=None, description="Seconds from start to end.")
    duration_max: Amount | None = Field(default=None, description="Seconds from start to end.")
    traces_min: Count | None = None
    traces_max: Count | None = None
    tokens_min: Count | None = Field(default=None, description="Tokens in all.")
    tokens_max: Count | None = Field(default=None, description="Tokens in all.")
    cost_min: Amount | None = Field(default=None, description="USD.")
    cost_max: Amount | None = Field(default=None, description="USD.")

    @property
    def active_since(self) -> datetime | None:
        """From when on a session must have been active; `last` counts from now."""
        if match := _SPAN.fullmatch(self.last):
            back = timedelta(**{_UNITS[match["unit"]]: int(match["count"])})
            return max(filter(None, [datetime.now(UTC) - back, self.since]))
        return self.since

    @property
    def scores(self) -> list[ScoreCondition]:
        """The conditions on scores, read."""
        return [score_condition(text) for text in self.score]

    def given(self) -> dict[str, Any]:
        """Return what was given, by its name in a URL."""
        return self.model_dump(mode="json", by_alias=True, exclude_defaults=True)


class SessionList(SessionFilters):
    """A page of the session list."""

    sort: Sort = Field(default="-end", description="By what; `-` puts the largest first.")
    cursor: Text = Field(default="", description="`next` of the page before.")
    limit: int = Field(default=50, ge=1, le=PAGE_MAX, description="Sessions on the page.")
