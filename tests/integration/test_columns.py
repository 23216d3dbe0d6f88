"""What attributes become, and that ordinary SQL on the views works."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from tests import inserting, model, processes
from tests.inserting import Sent

USAGE, COST = "langfuse.observation.usage_details", "langfuse.observation.cost_details"


def insert(store: processes.Store, attributes: Sequence[model.Attributes]) -> str:
    """Insert a span for each of `attributes`, with ids in their order; return the project."""
    return inserting.insert(store, [Sent(each) for each in attributes])


FIGURES: Mapping[str, tuple[model.Attributes, tuple[int, int, int, float]]] = {
    "nothing": ({}, (0, 0, 0, 0)),
    "gen_ai": (
        {
            "gen_ai.usage.input_tokens": 7,
            "gen_ai.usage.output_tokens": "5",
            "gen_ai.usage.cost": 0.25,
        },
        (7, 5, 12, 0.25),
    ),
    "openinference": (
        {
            "llm.token_count.prompt": 7,
            "llm.token_count.completion": 5,
            "llm.token_count.total": 12,
            "llm.cost.total": 0.5,
        },
        (7, 5, 12, 0.5),
    ),
    "langfuse": (
        {USAGE: '{"input": 10, "output": 20, "total": 31}', COST: '{"input": 1, "output": 0.5}'},
        (10, 20, 31, 1.5),
    ),
    "langfuse, total cost told": ({COST: '{"input": 1, "total": 4}'}, (0, 0, 0, 4)),
    "a total that is null": (
        {USAGE: '{"input": 10, "output": 20, "total": null}', COST: '{"input": 1, "total": null}'},
        (10, 20, 30, 1),
    ),
    "figures that make no sense": (
        {
            USAGE: '{"input": -1, "output": 1e30, "total": "x"}',
            COST: '{"input": 1.5, "output": -1, "total": 1e30}',
        },
        (0, 0, 0, 1.5),
    ),
    "no JSON": ({USAGE: "many", COST: "much"}, (0, 0, 0, 0)),
    "not a number": ({"gen_ai.usage.cost": float("nan")}, (0, 0, 0, 0)),
}


def test_figures_come_from_the_usual_places(store: processes.Store) -> None:
    """Tokens and cost by every convention; what makes no sense counts as nothing."""
    project = insert(store, [attributes for attributes, _ in FIGURES.values()])
    rows = store.query(
        "SELECT InputTokens, OutputTokens, TotalTokens, Cost FROM spans"
        " WHERE Project = {project:String} ORDER BY SpanId",
        {"project": project},
    )
    assert dict(zip(FIGURES, rows, strict=True)) == {
        name: expected for name, (_, expected) in FIGURES.items()
    }


TYPES: Mapping[str, model.Attributes] = {
    "span": {},
    "generation": {"gen_ai.request.model": "m"},
    "agent": {"langfuse.observation.type": "agent", "gen_ai.request.model": "m"},
    "retriever": {"openinference.span.kind": "RETRIEVER"},
    "embedding": {"gen_ai.operation.name": "embeddings"},
    "tool": {"gen_ai.tool.name": "search"},
}


def test_types_come_from_the_usual_places(store: processes.Store) -> None:
    """The kind of observation, by every convention."""
    project = insert(store, list(TYPES.values()))
    rows = store.query(
        "SELECT Type FROM spans WHERE Project = {project:String} ORDER BY SpanId",
        {"project": project},
    )
    assert [kind for (kind,) in rows] == list(TYPES)


DOCS = Path(__file__).parents[2] / "docs"


def _sql(page: str) -> list[str]:
    text = (DOCS / page).read_text(encoding="utf-8")
    blocks = re.findall("```sql\n(.*?)```", text, re.DOTALL)
    return [statement for block in blocks for statement in block.split(";\n") if statement.strip()]


REPLAY = "session_replay(project='default', session_id='none')"
ORDINARY = (
    "SELECT left(FirstInput, 8) AS s, length(FirstInput) FROM sessions ORDER BY s LIMIT 1",
    "SELECT left(SessionId, 8) AS s, notEmpty(SessionId) FROM session_traces ORDER BY s",
    f"SELECT upper(Input) AS s, length(Input) FROM {REPLAY} ORDER BY s",
    "SELECT upper(SessionId) AS s, length(SessionId) FROM spans GROUP BY SessionId ORDER BY s",
    "SELECT * FROM spans LIMIT 1",
    "SELECT upper(SessionId) AS s, length(SessionId) FROM logs GROUP BY SessionId ORDER BY s",
    "SELECT ServiceName, count(), quantile(0.9)(Duration) FROM spans GROUP BY ServiceName",
    "SELECT SessionId FROM sessions WHERE has(UserIds, 'ada') ORDER BY Cost DESC LIMIT 5",
    "SELECT upper(Name) AS n, avg(Value) FROM scores GROUP BY Name, n ORDER BY n",
    "SELECT Author, count() FROM comments WHERE Text ILIKE '%no%' GROUP BY Author",
    "SELECT Cost FROM sessions WHERE SessionId IN (SELECT SessionId FROM bookmarks)",
    "SELECT EditedBy, max(Version) FROM score_edits WHERE IsDeleted GROUP BY EditedBy",
    *_sql("marks.md"),
    *_sql("logs.md"),
)


@pytest.mark.parametrize("sql", ORDINARY)
def test_ordinary_sql_on_the_views_works(store: processes.Store, sql: str) -> None:
    """What people write, some of which the engine once gave up on."""
    store.query(sql)


@pytest.mark.parametrize("view", ["bookmarks", "comments", "scores", "session_traces", "sessions"])
def test_the_page_of_the_views_tells_every_column(store: processes.Store, view: str) -> None:
    """There, `A … B` stands for what is between."""
    page = (DOCS / "views.md").read_text(encoding="utf-8")
    _, _, section = page.partition(f"\n## `{view}`\n")
    rows = re.findall(r"^\| (\w[^|]*?) \|", section.partition("\n## ")[0], re.MULTILINE)
    told = [name for row in rows if row != "column" for name in row.split(", ")]
    columns = [name for name, *_ in store.query(f"DESCRIBE TABLE {view}")]
    for name in told:
        first, between, last = name.partition(" … ")
        if between:
            told[told.index(name) : told.index(name) + 1] = columns[
                columns.index(first) : columns.index(last) + 1
            ]
    assert sorted(told) == sorted(columns)
