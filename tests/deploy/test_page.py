"""docs/deploy.md: what it tells people to set and to watch is there."""

from __future__ import annotations

import re

from runtime import reference, settings
from tests.deploy.paths import ROOT

PAGE = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")


def test_every_metric_it_names_exists() -> None:
    """An alert on a name that nobody exposes would never fire."""
    named = set(re.findall(r"\b(?:sessiontrail|otelcol)_[a-z_]+[a-z]", PAGE))
    assert len(named) > 5
    exposed = set(re.findall(r"^\| `(\w+)`", reference.metrics(), re.MULTILINE))
    assert named <= exposed


def test_every_setting_it_names_exists() -> None:
    """So that it can be copied; a group of settings may be named as a whole."""
    named = set(re.findall(r"`((?:buffer|ingest|keys|query|store|worker)\.[a-z_.]+)`", PAGE))
    assert len(named) > 5
    keys = {key for key, _, _ in settings.fields()}
    groups = {key.rpartition(".")[0] for key in keys}
    assert named <= keys | groups
