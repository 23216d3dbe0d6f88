"""The example settings: valid as they stand, and useless without the secrets."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from runtime import keys, settings
from runtime.errors import ConfigError
from tests.deploy.paths import CONFIGS
from tests.processes import COMMAND
from tests.users import user

FILES = sorted(CONFIGS.glob("*.yaml"))
ENVIRONMENT = {
    "CLICKHOUSE_PASSWORD": "0123",
    "CLICKHOUSE_URL": "https://clickhouse.example.com:8443",
    "INGEST_URL": "http://ingest.example.com:4318",
    "KAFKA_BOOTSTRAP_SERVERS": "kafka-1.example.com:9093,kafka-2.example.com:9093",
    "KAFKA_PASSWORD": "# not: a comment",
    "KAFKA_USER": "sessiontrail",
    "QUERY_ADMIN_PASSWORD_HASH": user("admin", everywhere="admin").password_hash.get_secret_value(),
    "QUERY_SECRET": "0123456789abcdef" * 4,
}


def references(name: str) -> set[str]:
    """Return the variables that an example refers to."""
    return set(re.findall(r"\$\{env:(\w+)", (CONFIGS / name).read_text(encoding="utf-8")))


def test_there_is_one_for_each_way_to_run() -> None:
    """Development on one machine, production on several."""
    assert [file.name for file in FILES] == ["development.yaml", "production.yaml"]


def test_every_variable_is_needed_and_none_has_a_default() -> None:
    """A process without its password does not start, rather than with a known one."""
    assert references("production.yaml") == ENVIRONMENT.keys()
    assert references("development.yaml") == {"CLICKHOUSE_PASSWORD"}
    for file in FILES:
        for name in references(file.name):
            without = {key: value for key, value in ENVIRONMENT.items() if key != name}
            with pytest.raises(ConfigError, match=f"the environment has no {name}"):
                settings.load(file=file, environment=without)


def validated(file: Path, keys_file: Path) -> subprocess.CompletedProcess[str]:
    """Ask as an operator would before a deployment."""
    return subprocess.run(
        [COMMAND, "validate", f"--config={file}", f"--set=keys.file={keys_file}"],
        env={"PATH": os.environ["PATH"], **ENVIRONMENT},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_validate_finds_nothing_wrong(file: Path, tmp_path: Path) -> None:
    """Production has a key, as its comments say."""
    keys_file = tmp_path / "keys.json"
    if file.name == "production.yaml":
        keys.create(keys_file, project="shop", role="editor", name="")
    answer = validated(file, keys_file)
    assert answer.returncode == 0, answer.stderr
    assert "ok" in answer.stdout


def test_production_is_closed_until_somebody_has_a_key(tmp_path: Path) -> None:
    """It is not left open by a key that nobody made."""
    answer = validated(CONFIGS / "production.yaml", tmp_path / "keys.json")
    assert answer.returncode != 0
    assert "ingest.without_keys" in answer.stderr


def test_production_means_what_it_says() -> None:
    """Secrets arrive whole, whatever is in them; nobody makes topics by accident."""
    config = settings.load(file=CONFIGS / "production.yaml", environment=ENVIRONMENT)
    assert config.store.url == ENVIRONMENT["CLICKHOUSE_URL"]
    assert config.store.password.get_secret_value() == "0123"
    kafka = config.buffer.kafka
    assert len(kafka.bootstrap_servers) == 2
    assert kafka.security.protocol == "sasl_ssl"
    assert kafka.security.password.get_secret_value() == "# not: a comment"
    assert not kafka.topics.create
    query = config.query
    [admin] = query.users
    assert admin.password_hash.get_secret_value() == ENVIRONMENT["QUERY_ADMIN_PASSWORD_HASH"]
    assert admin.roles == {"*": "admin"}
    assert query.secret.get_secret_value() == ENVIRONMENT["QUERY_SECRET"]
    assert query.ingest_url == ENVIRONMENT["INGEST_URL"]
    assert not query.without_users
    assert not config.ingest.without_keys
