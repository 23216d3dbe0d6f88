"""
The API against its own description, by schemathesis: whatever is sent, answers are of the statuses
and shapes that /openapi.json promises, and nothing is an error of ours.
"""

from __future__ import annotations

import asyncio
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import APIOperation, BaseSchema, Case
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.core.result import Ok

from store.client import Store
from tests import otlp, processes
from tests.query import keep

Operation = APIOperation[Any, Any, Any, Any]
AnyCase = Case[Any]

PROJECT = f"schema-{secrets.token_hex(4)}"
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def described(
    store: processes.Store, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[BaseSchema]:
    """The description of a running `sessiontrail query`, over a store with a session."""

    async def fill() -> None:
        async with Store(store.config) as client:
            await keep(client, PROJECT, [otlp.sample(1), otlp.sample(2)])

    asyncio.run(fill())
    url = f"127.0.0.1:{processes.free_port()}"
    folder: Path = tmp_path_factory.mktemp("query")
    settings_ = [f"--set=query.endpoint={url}", f"--set=store.endpoint={store.address}"]
    process = subprocess.Popen([processes.COMMAND, "query", f"--data-dir={folder}", *settings_])
    try:
        processes.wait_until(
            lambda: processes.answer(f"http://{url}/readyz")[0] == 200, what="query is ready"
        )
        yield schemathesis.openapi.from_url(f"http://{url}/openapi.json")
    finally:
        process.terminate()
        assert process.wait(timeout=30) == 0


@pytest.fixture(scope="module")
def operations(described: BaseSchema) -> list[Operation]:
    """Every operation of the API."""
    found = [r.ok() for r in described.get_all_operations() if isinstance(r, Ok)]
    assert len(found) >= 24
    return found


def test_answers_are_as_described(operations: list[Operation]) -> None:
    """Of every operation, whatever its parameters and bodies are."""
    for operation in operations:
        _try(operation)


def _try(operation: Operation) -> None:
    statuses: list[int] = []

    @given(case=operation.as_strategy(), data=st.data())
    @settings(
        max_examples=25,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def check(case: AnyCase, data: st.DataObject) -> None:
        # Half the time something that is there, which chance would never find.
        if data.draw(st.booleans()):
            known = {"project": PROJECT, "id": "s", "trace": f"{1:032x}", "cursor": ""}
            given_ = dict(case.query or {})
            case.query = {k: known.get(k, v) for k, v in given_.items()}
        response = case.call()
        statuses.append(response.status_code)
        case.validate_response(response, checks=CHECKS)

    check()
    print(f"{operation.label}: {sorted(set(statuses))}")


def test_the_description_can_be_had(described: BaseSchema) -> None:
    """With the paths that are meant for programs, and no others."""
    assert all(path.startswith("/api/v1/") for path in described.raw_schema["paths"])
