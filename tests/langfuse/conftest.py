"""A pipeline for all tests of Langfuse's API; they keep apart by session, and by when it was."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests import processes


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[processes.Pipeline]:
    """A running pipeline."""
    with processes.pipeline(tmp_path_factory.mktemp("langfuse")) as pipeline:
        yield pipeline


@pytest.fixture(scope="session")
def api(running: processes.Pipeline) -> Iterator[httpx.Client]:
    """A bare HTTP client of Langfuse's API."""
    with httpx.Client(base_url=f"{running.pages}/api/public", timeout=30) as client:
        yield client
