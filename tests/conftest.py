"""What many tests share: a running store, and how thoroughly properties are searched."""

from __future__ import annotations

from collections.abc import Iterator

import hypothesis
import pytest

from tests import processes

# Every failure is printed so that it can be repeated; the engine's speed is not under test.
hypothesis.settings.register_profile(
    "sessiontrail",
    deadline=None,
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("sessiontrail")


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[processes.Store]:
    """A running embedded store with every table and view; tests keep apart by project."""
    with processes.store(tmp_path_factory.mktemp("store")) as running:
        yield running
