"""The reference pages say what the code says."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime import reference
from runtime.config import SESSION_KEYS
from schemas.attributes import KEYS, USAGE_MEMBERS

DOCS = Path(__file__).parent.parent / "docs"


@pytest.mark.parametrize(
    ("page", "render"),
    [("configuration.md", reference.configuration), ("metrics.md", reference.metrics)],
    ids=["configuration", "metrics"],
)
def test_reference_pages_are_current(page: str, render: Callable[[], str]) -> None:
    """`make docs` was run after the last change."""
    assert (DOCS / page).read_text(encoding="utf-8") == render()


def test_each_section_of_the_settings_is_there_once() -> None:
    """Also one that goes on behind another that stands within it."""
    headings = re.findall(r"^## .*$", reference.configuration(), re.MULTILINE)
    assert len(headings) == len(set(headings))


def test_every_link_leads_somewhere() -> None:
    """No page refers to a file that is not there."""
    for page in [*DOCS.glob("**/*.md"), DOCS.parent / "README.md", DOCS.parent / "CHANGELOG.md"]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page}: {target}"


def test_the_session_page_lists_the_keys_in_order() -> None:
    """docs/sessions.md has the list that the SQL is given."""
    text = (DOCS / "sessions.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \d+ \| `([^`]+)`", text, re.MULTILINE)
    assert tuple(listed) == SESSION_KEYS


def test_the_page_of_attributes_lists_the_keys_in_order() -> None:
    """docs/attributes.md has the lists that the SQL is made with."""
    text = (DOCS / "attributes.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+) \| (`.*`) \|$", text, re.MULTILINE)
    listed = [(name, tuple(re.findall("`([^`]+)`", keys))) for name, keys in rows]
    told = [*KEYS.items(), *USAGE_MEMBERS.items()]
    assert sorted(listed) == sorted((name, tuple(keys)) for name, keys in told)
