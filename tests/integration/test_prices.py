"""What spans cost that do not tell it: prices, found when a model is first seen."""

from __future__ import annotations

import itertools
import secrets
import subprocess
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from buffer.port import ConsumedRecord, Record
from runtime.config import SessionsConfig, TimesConfig
from schemas.envelope import Envelope
from schemas.prices.line import Rates
from schemas.prices.own import OwnPrice
from schemas.prices.table import Prices
from store.client import Store
from tests import model, otlp, processes
from tests.model import SentSpan
from tests.prices import USAGES, Usage, expected
from workers.batch import Batch
from workers.inserter import Inserter
from workers.resolver import Resolver

_NOW_NS = 1_795_391_999 * 10**9
_projects = (f"prices-{secrets.token_hex(3)}-{number}" for number in itertools.count())
# A model that needs a name of its own, because prices belong to all projects.
_names = (f"acme-{secrets.token_hex(3)}-{number}" for number in itertools.count())


def told(usage: Usage, name: str, provider: str = "") -> model.Attributes:
    """Return usage as the OpenTelemetry conventions tell it."""
    return {
        "session.id": "s",
        "gen_ai.provider.name": provider,
        "gen_ai.response.model": name,
        "gen_ai.usage.input_tokens": usage.all_input,
        "gen_ai.usage.cache_read.input_tokens": usage.cache_read,
        "gen_ai.usage.cache_creation.input_tokens": usage.cache_write,
        "gen_ai.usage.output_tokens": usage.output + usage.reasoning + usage.audio,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning,
        "gen_ai.usage.completion_details.audio": usage.audio,
    }


def batch_of(
    spans: Sequence[model.Attributes],
    *,
    project: str,
    start_ns: int = _NOW_NS,
    received_ns: int = _NOW_NS,
) -> Batch:
    """Return a batch of a span for each of `spans`, with ids in their order."""
    sent = [
        SentSpan(
            trace_id=f"{number + 1:032x}",
            span_id=f"{number + 1:016x}",
            start_ns=start_ns,
            end_ns=start_ns,
            attributes=attributes,
            received_ns=received_ns,
        )
        for number, attributes in enumerate(spans)
    ]
    envelope = Envelope(project=project, received_ns=received_ns, spans=len(sent))
    record = Record(value=otlp.request(sent), headers=envelope.to_headers())
    return Batch.of([ConsumedRecord(partition=0, offset=0, appended_at_ns=0, record=record)])


async def work(store: processes.Store, spans: Sequence[model.Attributes], **described: Any) -> None:
    """Insert such a batch and resolve it, as a worker does."""
    batch = batch_of(spans, **described)
    async with Store(store.config) as client:
        await Inserter(client, sessions=SessionsConfig(), times=TimesConfig()).insert(batch)
        await Resolver(client).resolve(batch.id)


def costs(store: processes.Store, project: str) -> list[tuple[Any, str]]:
    """Return cost and source of each span, once the session's is the sum of them."""
    of = {"project": project}
    spans = store.query(
        "SELECT Cost, CostSource FROM spans WHERE Project = {project:String} ORDER BY SpanId", of
    )
    [[figure]] = store.query("SELECT Cost FROM sessions WHERE Project = {project:String}", of)
    assert figure == pytest.approx(sum(cost for cost, _ in spans), abs=1e-9)
    return [(cost, source) for cost, source in spans]


async def test_a_cost_is_told_or_computed_or_there_is_none(store: processes.Store) -> None:
    """What a span tells wins, even that it was free; spans without tokens or price have no cost."""
    project, usage = next(_projects), Usage(input=1000, output=100)
    gpt = told(usage, "GPT-4o", "openai")
    spans = {
        "told": ({**gpt, "gen_ai.usage.cost": 0.5}, (0.5, "told")),
        "told to be free": ({**gpt, "gen_ai.usage.cost": 0.0}, (0, "told")),
        "told by parts": (
            {**gpt, "langfuse.observation.cost_details": '{"input": 0, "output": 0}'},
            (0, "told"),
        ),
        "told what makes no sense": ({**gpt, "gen_ai.usage.cost": "much"}, (0.0035, "computed")),
        "computed": (gpt, (0.0035, "computed")),
        "unknown model": (told(usage, next(_names)), (0, "")),
        "no tokens": (told(Usage(), "gpt-4o"), (0, "")),
        "an agent, which repeats": ({**gpt, "gen_ai.operation.name": "invoke_agent"}, (0, "")),
        "nothing": ({"session.id": "s"}, (0, "")),
    }
    await work(store, [attributes for attributes, _ in spans.values()], project=project)
    found = dict(zip(spans, costs(store, project), strict=True))
    assert found == {
        name: (pytest.approx(cost), source) for name, (_, (cost, source)) in spans.items()
    }


@pytest.mark.parametrize("at", ["2026-11-20T08:30:00", "2026-08-01T22:00:00"])
async def test_computed_costs_are_the_packages(store: processes.Store, at: str) -> None:
    """Of cached, reasoning and audio tokens, of long inputs, and of the time at which it was."""
    models = [
        ("openai", "gpt-4o"),
        ("openai", "gpt-5.6-sol"),
        ("openai", "gpt-4o-audio-preview"),
        ("anthropic", "claude-sonnet-4-5-20250929"),
        ("gcp.gemini", "gemini-2.5-pro"),
        ("deepseek", "deepseek-chat"),
        ("deepseek", "deepseek-v4-flash"),
        ("perplexity", "sonar-pro"),
        ("azure", "gpt-4o"),
    ]
    project, start = next(_projects), datetime.fromisoformat(at).replace(tzinfo=UTC)
    cases = list(itertools.product(models, USAGES))
    await work(
        store,
        [told(usage, name, provider) for (provider, name), usage in cases],
        project=project,
        start_ns=int(start.timestamp()) * 10**9,
    )
    assert costs(store, project) == [
        (pytest.approx(expected(usage, name, provider, start), rel=1e-9), "computed")
        for (provider, name), usage in cases
    ]


async def test_a_span_that_is_sent_again_costs_anew(store: processes.Store) -> None:
    """The session's figure follows, and counts it once."""
    project = next(_projects)
    for tokens in (1000, 3000):
        await work(
            store,
            [told(Usage(input=tokens), "gpt-4o")],
            project=project,
            received_ns=_NOW_NS + tokens,
        )
        assert costs(store, project) == [(pytest.approx(tokens * 2.5e-6), "computed")]


async def test_prices_of_ones_own_win(store: processes.Store) -> None:
    """For spans that come later; stored ones keep their cost."""
    name, million = next(_names), Usage(input=1_000_000)
    projects = [next(_projects) for _ in range(4)]

    def run(*arguments: str) -> str:
        return subprocess.run(
            [processes.COMMAND, "prices", *arguments, f"--set=store.endpoint={store.address}"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    await work(store, [told(million, name)], project=projects[0])
    assert run("set", f"{name[:-1]}*", "--input=3", "--output=4") == (
        "set, models with another price now: 1\n"
    )
    await work(store, [told(million, name)], project=projects[1])
    # Whatever spans have named: a typo is seen at once.
    run("set", f"{name}x*", "--input=7", "--output=8", "--cache-read=0.5", "--cache-write=9")
    own = [line.split() for line in run("list").partition("\nyour own prices:\n")[2].splitlines()]
    assert own[0] == ["provider", "model", "input", "cached", "cache", "write", "output"]
    assert ["-", f"{name[:-1]}*", "3", "3", "3", "4"] in own
    assert ["-", f"{name}x*", "7", "0.5", "9", "8"] in own
    run("unset", f"{name}x*")
    assert f"{name}x*" not in run("list")
    run("set", name, "--provider=ACME", "--input=5", "--output=4", "--cache-read=1")
    await work(
        store,
        [told(million, name.upper(), "acme"), told(Usage(cache_read=1_000_000), name, "acme")],
        project=projects[2],
    )
    listed = [line.split() for line in run("list").splitlines()]
    assert ["acme", name, "5", "1", "4", "own", f"acme/{name}"] in listed
    assert ["-", name, "3", "3", "4", "own", f"{name[:-1]}*"] in listed
    assert run("unset", name, "--provider=acme").endswith(": 1\n")
    async with Store(store.config) as client:
        assert await Prices(client).unset_own("", f"{name[:-1]}*")
        assert not await Prices(client).unset_own("", f"{name[:-1]}*")
        await Prices(client).refresh()
    await work(store, [told(million, name, "acme")], project=projects[3])
    assert [costs(store, project) for project in projects] == [
        [(0, "")],
        [(3, "computed")],
        [(5, "computed"), (1, "computed")],
        [(0, "")],
    ]
    [heading, line] = run("list", "GPT-4o", "--provider=openai").splitlines()
    assert heading.split()[:2] == ["provider", "model"]
    assert line.split()[:5] == ["openai", "gpt-4o", "2.5", "1.25", "10"]


async def test_a_refresh_takes_the_packages_prices(store: processes.Store) -> None:
    """Once: a second one finds nothing to change. Costs that are stored stay."""
    projects, usage = [next(_projects) for _ in range(2)], Usage(input=1_000_000)
    await work(store, [told(usage, "o3", "openai")], project=projects[0])
    async with Store(store.config) as client:
        prices = Prices(client)
        old = (await prices.known())["openai", "o3"]
        stale = [line._replace(rates=Rates(input=9)) for line in old.lines]
        await prices._write({("openai", "o3"): old._replace(lines=tuple(stale))})
        await work(store, [told(usage, "o3", "openai")], project=projects[1])
        names, changed = await prices.refresh()
        assert (names >= 1, changed) == (True, 1)
        assert (await prices.known())["openai", "o3"] == old
        assert await prices.refresh() == (names, 0)
    assert [costs(store, project) for project in projects] == [[(2, "computed")], [(9, "computed")]]


async def test_a_name_that_another_worker_found_meanwhile(store: processes.Store) -> None:
    """A batch that was inserted before, and asks after, is inserted once more all the same."""
    name, usage = next(_names), Usage(input=1_000_000)
    early, late = next(_projects), next(_projects)
    async with Store(store.config) as client:
        own = OwnPrice("", name, input=2, cache_read=0, cache_write=0, output=0)
        await Prices(client).set_own(own)
        batch = batch_of([told(usage, name)], project=early)
        inserter = Inserter(client, sessions=SessionsConfig(), times=TimesConfig())
        await inserter._insert(batch, batch.rows)
        await work(store, [told(usage, name)], project=late)
        assert await Prices(client).learn(batch.id)
        await inserter.insert(batch)
        await Resolver(client).resolve(batch.id)
    assert [costs(store, project) for project in (early, late)] == [[(2, "computed")]] * 2


async def test_names_have_an_end(store: processes.Store) -> None:
    """Whoever names models at random gets no costs, and does not fill the table."""
    project = next(_projects)
    async with Store(store.config) as client:
        known = len(await Prices(client).known())
        await work(store, [told(Usage(input=1), "x" * 201)], project=project)
        [[batch]] = store.query(
            "SELECT any(Batch) FROM spans WHERE Project = {project:String}", {"project": project}
        )
        assert not await Prices(client, names_max=known).learn(batch)
        assert len(await Prices(client).known()) == known
