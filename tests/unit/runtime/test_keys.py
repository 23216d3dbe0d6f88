"""Project keys: made, kept, proved, revoked, and what happens when their file is broken."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from runtime import key_ring, keys
from runtime.errors import ConfigError, NotAuthenticated, NotFound
from runtime.key_ring import KeyRing
from runtime.keys import NewKey
from runtime.roles import Role
from tests.processes import COMMAND


@pytest.fixture(autouse=True)
def _look_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_ring, "LOOK_SECONDS", 0.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the keys will be, in a folder that is not there yet."""
    return tmp_path / "data" / "keys.json"


def make(path: Path, project: str = "shop") -> NewKey:
    """Make an editor's key."""
    return keys.create(path, project=project, role="editor", name="a test")


def basic(public: str, secret: str) -> str:
    """Return the header that Langfuse's clients send."""
    return "Basic " + base64.b64encode(f"{public}:{secret}".encode()).decode()


def test_a_key_is_proved_by_its_secret(path: Path) -> None:
    """As a bearer's, or with the public key; the scheme in any case."""
    key, secret, is_first = make(path)
    ring = KeyRing(path)
    for header in (f"Bearer {secret}", f"bearer  {secret}", basic(key.public_key, secret)):
        assert ring.authenticate(header) == key
    assert is_first
    assert (key.project, key.role, key.name) == ("shop", "editor", "a test")
    assert [key.allows(role) for role in Role] == [True, True, False]


def test_anything_else_proves_nothing(path: Path) -> None:
    """Each answer says what to send, and never repeats what was sent."""
    (key, secret, _), other = make(path), make(path)
    ring = KeyRing(path)
    for header in (
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {key.public_key}",
        f"Bearer {key.secret_sha256}",
        f"Bearer {secret}x",
        f"Bearer {secret[:-1]}",
        f"Digest {secret}",
        secret,
        "Basic ???",
        "Basic " + base64.b64encode(secret.encode()).decode(),
        basic("", secret),
        basic("pk-lf-1", secret),
        basic(other.key.public_key, secret),
        basic(key.public_key, ""),
        basic(key.public_key, key.secret_sha256),
        "Bearer grüße \udce4",
    ):
        with pytest.raises(NotAuthenticated, match=r"(?i)key") as refused:
            ring.authenticate(header)
        assert secret[:-1] not in str(refused.value)


def test_secrets_are_not_kept(path: Path) -> None:
    """Only their hash is, in a file that only its owner reads."""
    created = make(path)
    text = path.read_text()
    assert created.secret not in text
    assert created.key.secret_sha256 in text
    assert path.stat().st_mode & 0o777 == 0o600
    assert len({make(path).secret for _ in range(20)} | {created.secret}) == 21


def test_changes_are_in_force_without_a_restart(path: Path) -> None:
    """A new key and a revoked one alike; the first key closes what was open."""
    ring = KeyRing(path)
    assert not ring.has_keys()
    key, secret, _ = make(path)
    assert ring.has_keys()
    assert ring.authenticate(f"Bearer {secret}") == key
    revoked = keys.revoke(path, key.public_key)
    with pytest.raises(NotAuthenticated, match=f"{key.public_key} was revoked"):
        ring.authenticate(f"Bearer {secret}")
    assert ring.has_keys(), "revoking the last key opens nothing"
    assert keys.revoke(path, key.public_key) == revoked
    with pytest.raises(NotFound, match="keys list"):
        keys.revoke(path, "pk-st-0")


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"keys": [{"public_key": "pk-st-1"}]}',
        '{"keys": [], "more": 1}',
        '{"keys": []}',
        "",
        None,
    ],
)
def test_a_broken_file_changes_nothing(path: Path, content: str | None) -> None:
    """Nor does one that was emptied or removed: what was closed stays closed until a restart."""
    key, secret, _ = make(path)
    good = path.read_bytes()
    ring = KeyRing(path)
    if content is None:
        path.unlink()
    else:
        path.write_text(content)
    assert str(path) in ring.problem()
    assert ring.authenticate(f"Bearer {secret}") == key
    path.write_bytes(good)
    assert ring.problem() == ""
    assert ring.authenticate(f"Bearer {secret}") == key


def test_a_broken_file_keeps_a_process_from_starting(path: Path) -> None:
    """Nothing good was ever read; the message holds nothing of the file."""
    _, secret, _ = make(path)
    path.write_text(path.read_text().replace('"project"', f'"{secret}"').replace("shop", "s p"))
    with pytest.raises(ConfigError, match=r"keys\.file: .*keys\.json") as refused:
        KeyRing(path)
    assert "s p" not in str(refused.value)


def test_what_cannot_be_read_is_told(path: Path) -> None:
    """With the system's reason."""
    path.mkdir(parents=True)
    with pytest.raises(ConfigError, match="Is a directory"):
        KeyRing(path)


def test_the_file_is_looked_at_once_a_second(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many requests there are."""
    ring = KeyRing(path)
    monkeypatch.setattr(key_ring, "LOOK_SECONDS", 0.2)
    assert not ring.has_keys()
    make(path)
    assert not ring.has_keys()
    time.sleep(0.25)
    assert ring.has_keys()


@pytest.mark.parametrize("project", ["", "*", "a b", "-a", "a/b", "ü", "a" * 101, "a\n"])
def test_projects_have_plain_names(path: Path, project: str) -> None:
    """They stand in URLs and in files."""
    with pytest.raises(ConfigError, match="a project is named by"):
        make(path, project)
    assert not path.exists()


def test_keys_made_at_the_same_time_are_all_kept(path: Path) -> None:
    """By several commands; `list` shows them without secrets, and `revoke` marks one."""

    def run(*arguments: str) -> str:
        command: list[str | Path] = [COMMAND, "keys", *arguments, f"--set=keys.file={path}"]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    with ThreadPoolExecutor(4) as pool:
        pages = list(pool.map(lambda n: run("create", f"--project=shop-{n}"), range(4)))
    ring = KeyRing(path)
    for number, page in enumerate(pages):
        [line] = [line for line in page.splitlines() if "OTEL_EXPORTER_OTLP_HEADERS" in line]
        secret = line.rpartition("%20")[2].strip('"')
        key = ring.authenticate(f"Bearer {secret}")
        assert key.project == f"shop-{number}"
        assert f'LANGFUSE_PUBLIC_KEY="{key.public_key}"' in page
        assert f'LANGFUSE_SECRET_KEY="{secret}"' in page
        assert secret not in run("list")
    assert "revoked" in run("revoke", key.public_key)
    listed = run("list")
    assert listed.count("pk-st-") == 4
    assert [entry["revoked"] is None for entry in json.loads(path.read_text())["keys"]].count(
        False
    ) == 1
