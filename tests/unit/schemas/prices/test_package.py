"""The package's prices, as the lines that the store keeps of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import product

import genai_prices
import pytest
from genai_prices import types
from genai_prices.data import providers
from genai_prices.types import PriceCalculation

from schemas.prices import package
from tests.prices import USAGES, cost, expected

# An hour in which nobody has peak prices and one in which DeepSeek does, before and after prices
# changed and, as far as they are known, will.
TIMES = [
    datetime(year, month, 15, hour, 30, tzinfo=UTC)
    for year, month, hour in ((2025, 1, 22), (2026, 8, 2), (2026, 11, 7), (2027, 2, 22))
]
# What else there may be to pay for, and no span tells how much.
OTHER_UNITS = {"audio_hours", "input_audio_hours", "input_mchars", "input_text_messages_kcount"} | {
    "input_document_kpages",
    "input_annotated_document_kpages",
}


def literals(clause: types.MatchLogic) -> Iterator[str]:
    """Yield the texts that a model's names are matched with, most of which are names."""
    for value in vars(clause).values():
        if isinstance(value, str):
            yield value.lower()
        else:
            for part in value:
                yield from literals(part)


def picked(provider: str, name: str) -> PriceCalculation | None:
    """Return what the package itself finds for a name of a provider's model."""
    try:
        return genai_prices.calc_price(genai_prices.Usage(), name, provider_id=provider)
    except LookupError:
        return None


@pytest.mark.parametrize("provider", providers, ids=lambda provider: provider.id)
def test_every_name_has_the_price_that_the_package_computes(provider: types.Provider) -> None:
    """With tiers, dates and times of day; none where a model is not paid for by tokens."""
    names = {
        name for model in provider.models for name in (model.id.lower(), *literals(model.match))
    }
    priced: set[str] = set()
    for name in sorted(names):
        if (theirs := picked(provider.id, name)) is None:
            continue
        found = package.find(provider.id, name)
        if found is None:
            assert vars(theirs.model_price).keys() <= OTHER_UNITS, name
            continue
        assert found.rule == f"{theirs.provider.id}/{theirs.model.id}"
        if found.rule in priced:
            continue
        priced.add(found.rule)
        usages, times = (USAGES, TIMES) if len(found.lines) > 1 else (USAGES[1:2], TIMES[:1])
        for usage, at in product(usages, times):
            assert cost(found.lines, usage, at) == pytest.approx(
                expected(usage, name, provider.id, at), rel=1e-9, abs=1e-12
            ), (name, usage, at)


# (provider as spans tell it, model): the rule
NAMES: Mapping[tuple[str, str], str] = {
    ("openai", "gpt-4o-2024-08-06"): "openai/gpt-4o",
    ("openai", "gpt-4o-20240513"): "openai/gpt-4o-2024-05-13",
    ("openai.chat", "gpt-4o-mini"): "openai/gpt-4o-mini",
    ("", "gpt-4o"): "openai/gpt-4o",
    ("openai", "ft:gpt-4o-2024-08-06:acme::x"): "openai/ft:gpt-4o",
    ("openai", "text-embedding-3-small"): "openai/text-embedding-3-small",
    ("azure.ai.openai", "gpt-4o"): "openai/gpt-4o",
    ("azure", "gpt-4o"): "azure/gpt-4o",
    ("aws.bedrock", "us.anthropic.claude-3-5-sonnet-20241022-v2:0"): (
        "aws/regional.anthropic.claude-3-5-sonnet-20241022-v2:0"
    ),
    ("gcp.vertex_ai", "gemini-2.5-pro"): "google/gemini-2.5-pro",
    ("gcp.vertex_ai", "claude-sonnet-4-5@20250929"): "google/claude-sonnet-4-5",
    ("google.generative-ai", "gemini-2.5-flash"): "google/gemini-2.5-flash",
    ("anthropic.messages", "claude-sonnet-4-5-20250929"): "anthropic/claude-sonnet-4-5",
    ("mistral_ai", "mistral-large-latest"): "mistral/mistral-large",
    ("groq", "llama-3.3-70b-versatile"): "groq/llama-3.3-70b-versatile",
    # A provider that the package does not know, or that runs other people's models.
    ("x_ai", "grok-4"): "x-ai/grok-4-0709",
    ("litellm", "openai/gpt-4o"): "openai/gpt-4o",
    ("", "openai/gpt-4o"): "openai/gpt-4o",
    ("langchain", "anthropic/claude-sonnet-4-5"): "anthropic/claude-sonnet-4-5",
}


@pytest.mark.parametrize(("name", "rule"), NAMES.items(), ids=[" ".join(name) for name in NAMES])
def test_names_as_spans_tell_them(name: tuple[str, str], rule: str) -> None:
    """SDKs have their own words for providers, and gateways their own names for models."""
    found = package.find(*name)
    assert found
    assert (found.rule, found.source) == (rule, f"genai-prices {genai_prices.__version__}")


@pytest.mark.parametrize(
    "name",
    [("", "nobody-knows"), ("", ""), ("openai", "a/b"), ("ollama", "deepseek-r1:8b"), ("x", "(")],
)
def test_what_has_no_price(name: tuple[str, str]) -> None:
    """A model that nobody knows, or that runs at home."""
    assert package.find(*name) is None
