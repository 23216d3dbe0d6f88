"""Log-ins: whose they are, and when they end."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from pydantic import SecretStr

from query.access.cookies import LogIns
from query.access.passwords import Passwords
from runtime.config import Config, QueryConfig, UserConfig
from runtime.errors import ConfigError
from tests.users import SECRET, query_config, user

ADA, BOB = user("ada", shop="viewer"), user("bob", shop="admin")


def log_ins(*users: UserConfig) -> LogIns:
    """Return log-ins with a secret that is always the same."""
    return LogIns(Config(query=query_config(*users)), Passwords(users))


def test_a_log_in_names_its_user_in_every_process() -> None:
    """And after a restart, because the secret is the same."""
    cookie = log_ins(ADA, BOB).write(ADA)
    assert log_ins(BOB, ADA).read(cookie) == ADA


def test_it_ends_with_the_password_and_with_the_user() -> None:
    """Both take a change of the settings."""
    cookie = log_ins(ADA, BOB).write(ADA)
    assert log_ins(BOB).read(cookie) is None
    assert log_ins(user("ada", shop="viewer"), BOB).read(cookie) is None
    changed = UserConfig(name="ada", password_hash=ADA.password_hash, roles={"shop": "admin"})
    assert log_ins(changed).read(cookie) == changed, "roles are read anew with each request"


def test_it_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted from the log-in."""
    of_ada = log_ins(ADA)
    cookie = of_ada.write(ADA)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 12 * 3600 - 5)
    assert of_ada.read(cookie) == ADA
    monkeypatch.setattr(time, "time", lambda: now + 12 * 3600 + 5)
    assert of_ada.read(cookie) is None


def test_what_was_tampered_with_is_nobodys() -> None:
    """Any byte of it."""
    of_both = log_ins(ADA, BOB)
    cookie = of_both.write(ADA)
    for number in range(len(cookie) - 1):  # the last character has bits that say nothing
        other = "A" if cookie[number] != "A" else "B"
        assert of_both.read(cookie[:number] + other + cookie[number + 1 :]) is None, number
    for forged in ("", ".", "a.b.c", "\udce4", LogIns(
        Config(query=QueryConfig(users=(ADA,), secret=SecretStr("x" * 32))), Passwords((ADA,))
    ).write(ADA)):  # fmt: skip
        assert of_both.read(forged) is None


def test_the_secret_is_kept_in_a_file_unless_given(tmp_path: Path) -> None:
    """Made once, for the eyes of its owner."""
    config = Config(data_dir=tmp_path / "data", query=QueryConfig(users=(ADA,)))
    first, second = (LogIns(config, Passwords((ADA,))) for _ in range(2))
    assert second.read(first.write(ADA)) == ADA
    file = tmp_path / "data" / "query.secret"
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(file.read_text().strip()) == 64
    assert SECRET.get_secret_value() not in file.read_text()
    file.write_text("\n")
    with pytest.raises(ConfigError, match="is empty"):
        LogIns(config, Passwords((ADA,)))


def test_a_hash_that_is_none_is_refused() -> None:
    """In words that do not repeat it."""
    for broken in ("secret", "***", "$argon2id$v=19$m=1,t=1,p=1$", "$2b$12$abc"):
        with pytest.raises(ValueError, match="sessiontrail hash-password") as refused:
            UserConfig(name="ada", password_hash=SecretStr(broken), roles={"shop": "viewer"})
        assert "$" not in str(refused.value)
    unusable = UserConfig(
        name="ada",
        password_hash=SecretStr("$argon2id$v=19$m=1,t=0,p=1$YWJjZGVmZ2g$YWJj"),
        roles={"shop": "viewer"},
    )
    with pytest.raises(ConfigError, match="password_hash of ada"):
        Passwords((unusable,))
