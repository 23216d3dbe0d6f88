"""`sessiontrail query` behind a proxy, as docs/deploy.md has it: whose headers are believed."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import yaml

from tests.processes import COMMAND, answer, free_port, wait_until
from tests.users import PASSWORD, user


@contextmanager
def query(folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """Run a query process that has users and no store, and yield its URL."""
    ada = user("ada", everywhere="viewer")
    named = {"name": ada.name, "password_hash": ada.password_hash.get_secret_value()}
    settings = {"query": {"users": [{**named, "roles": ada.roles}]}}
    (folder / "settings.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")
    endpoint = f"127.0.0.1:{free_port()}"
    inherited = {key: value for key, value in os.environ.items() if key != "FORWARDED_ALLOW_IPS"}
    process = subprocess.Popen(
        [
            COMMAND,
            "query",
            f"--config={folder / 'settings.yaml'}",
            f"--data-dir={folder}",
            f"--set=query.endpoint={endpoint}",
        ],
        env={**inherited, **environment},
    )
    try:
        wait_until(lambda: answer(f"http://{endpoint}/healthz")[0] == 200, what="query answers")
        yield f"http://{endpoint}"
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.mark.parametrize(
    ("believed", "secure"),
    [(None, True), ("127.0.0.0/8", True), ("10.0.3.0/24", False)],
    ids=["this machine", "its network", "another network"],
)
def test_a_proxy_that_is_believed_makes_cookies_secure(
    tmp_path: Path, *, believed: str | None, secure: bool
) -> None:
    """One on this machine is, unless the environment says who is instead."""
    environment = {"FORWARDED_ALLOW_IPS": believed} if believed else {}
    with query(tmp_path, environment) as url:
        log_in = httpx.post(
            f"{url}/login",
            data={"name": "ada", "password": PASSWORD},
            headers={
                "Host": "trail.example.com",
                "Origin": "https://trail.example.com",
                "X-Forwarded-For": "203.0.113.7",
                "X-Forwarded-Proto": "https",
            },
        )
    assert log_in.status_code == 303
    assert ("Secure" in log_in.headers["set-cookie"].split("; ")) == secure


def test_a_proxy_that_changes_the_host_is_refused(tmp_path: Path) -> None:
    """And the answer says what to do about it."""
    with query(tmp_path, {}) as url:
        log_in = httpx.post(
            f"{url}/login",
            data={"name": "ada", "password": PASSWORD},
            headers={"Host": "10.0.3.9:8080", "Origin": "https://trail.example.com"},
        )
    assert log_in.status_code == 403
    assert "hand on the Host" in log_in.text
