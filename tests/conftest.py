"""What tests share: a store, a pipeline, a Kafka, and how thoroughly properties are searched."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator

import hypothesis
import pytest

from tests import processes, transfer
from tests.kafka.cluster import Cluster

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


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[processes.Pipeline]:
    """A running pipeline, which takes seconds to start; tests keep apart by session."""
    with processes.pipeline(tmp_path_factory.mktemp("pipeline")) as pipeline:
        yield pipeline


@pytest.fixture(scope="session")
def two_projects(tmp_path_factory: pytest.TempPathFactory) -> Iterator[transfer.Running]:
    """A running pipeline that knows two projects by their keys; tests keep apart by session."""
    with transfer.running(tmp_path_factory.mktemp("two-projects")) as running:
        yield running


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A running Kafka of one node; tests keep apart by topic, and break nodes of their own."""
    with Cluster(folder=tmp_path_factory.mktemp("kafka")) as running:
        yield running


@pytest.fixture
def topic_name(request: pytest.FixtureRequest) -> str:
    """A name for a topic or a group that no other test has."""
    return f"{re.sub('[^a-zA-Z0-9]+', '-', request.node.name)[:100]}-{uuid.uuid4().hex[:8]}"
