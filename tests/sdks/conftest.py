"""What programs that use SDKs are told, and a model for those that call one over HTTP."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping

import pytest

from tests import processes
from tests.sdks import chat_model


@pytest.fixture
def session_id() -> str:
    """A session id of this test alone."""
    return f"{secrets.token_hex(4)}/chat 17&ü"


@pytest.fixture(scope="session")
def model() -> Iterator[Mapping[str, str]]:
    """The environment in which OpenAI's client calls a model that is made up."""
    with chat_model.serving() as environment:
        yield environment


@pytest.fixture
def langfuse(running: processes.Pipeline) -> Mapping[str, str]:
    """The environment in which Langfuse's SDKs send to the pipeline."""
    return {
        "LANGFUSE_BASE_URL": running.pages,
        "LANGFUSE_HOST": running.pages,
        "LANGFUSE_PUBLIC_KEY": "pk",
        "LANGFUSE_SECRET_KEY": "sk",
    }
