"""Langfuse's API belongs to the project of the key, whichever version of the SDK asks."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests import processes
from tests.langfuse import sdk

READS = (
    *("projects", "sessions", "sessions/x", "traces", "traces/x", "v2/observations"),
    *("scores", "v2/scores", "v2/scores/x", "v3/scores"),
)

Pair = tuple[str, str]


@pytest.fixture(scope="module")
def keyed(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[processes.Pipeline, dict[str, Pair]]]:
    """A pipeline with keys: of an editor and a viewer of `shop`, and of an editor of `lab`."""
    folder = tmp_path_factory.mktemp("keys")
    roles = {"editor": ("shop", "editor"), "viewer": ("shop", "viewer"), "lab": ("lab", "editor")}
    keys = {name: _key(folder, *role) for name, role in roles.items()}
    with processes.pipeline(folder) as running:
        yield running, keys


def _key(folder: Path, project: str, role: str) -> Pair:
    command = [str(processes.COMMAND), "keys", "create", f"--project={project}", f"--role={role}"]
    made = subprocess.run(
        [*command, f"--data-dir={folder}"], stdout=subprocess.PIPE, check=True, text=True
    )
    lines = made.stdout.splitlines()
    public, secret = (
        next(line.split()[-1] for line in lines if line.startswith(name))
        for name in ("public key", "secret key")
    )
    return public, secret


@pytest.mark.parametrize("version", sdk.VERSIONS)
def test_the_project_is_that_of_the_key(
    keyed: tuple[processes.Pipeline, dict[str, Pair]], version: int
) -> None:
    """What one project sends is its own to read."""
    running, keys = keyed
    run = secrets.token_hex(4)

    read = sdk.run(version, host=running.pages, run_id=run, keys=keys["editor"])

    assert read["auth"] is True
    assert {span["projectId"] for span in read["spans"]["data"]} == {"shop"}
    for name, found in (("viewer", 1), ("lab", 0)):
        with httpx.Client(base_url=f"{running.pages}/api/public", auth=keys[name]) as api:
            sessions = [s["id"] for s in api.get("/sessions").json()["data"]]
            assert sum(run in session_id for session_id in sessions) == found
            assert len(api.get(f"/v2/scores?scoreIds={run}-1").json()["data"]) == found
            for trace_id in read["sent"]:
                status = api.get(f"/traces/{trace_id}").status_code
                assert status == (200 if found else 404)


def test_keys_are_checked_on_every_path(
    keyed: tuple[processes.Pipeline, dict[str, Pair]],
) -> None:
    """Without a good key nothing is taken or told; a viewer's writes nothing."""
    running, keys = keyed
    score = {"name": "a", "value": 1, "sessionId": "s"}
    writes = [
        ("POST", "/scores", score),
        ("POST", "/ingestion", {"batch": []}),
        ("DELETE", "/scores/x", None),
        ("POST", "/otel/v1/traces", {}),
    ]
    reads = [("GET", f"/{path}", None) for path in READS]
    with httpx.Client(base_url=f"{running.pages}/api/public") as api:
        for pair in (None, ("pk", "sk"), (keys["editor"][0], keys["viewer"][1])):
            # Without an Authorization at all, pages and API are open as long as there are no users.
            asked = [*reads, *writes] if pair else writes[-1:]
            for method, path, body in asked:
                answer = api.request(method, path, json=body, auth=pair)
                assert answer.status_code == 401, (path, answer.text)
                assert "WWW-Authenticate" in answer.headers
        for method, path, body in writes:
            answer = api.request(method, path, json=body, auth=keys["viewer"])
            assert answer.status_code == 403, (path, answer.text)
        assert api.get("/health").status_code == 200
