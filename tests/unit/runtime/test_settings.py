"""Settings: where they come from, and what is said when they are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime import settings
from runtime.errors import ConfigError
from runtime.section import HostPort


def test_later_sources_win(tmp_path: Path) -> None:
    """Defaults < file < environment < --set."""
    file = tmp_path / "sessiontrail.yaml"
    file.write_text("ingest: {grpc: {endpoint: 127.0.0.1:1}, http: {endpoint: 127.0.0.1:1}}\n"
                    "store: {endpoint: 127.0.0.1:1}\n")  # fmt: skip
    config = settings.load(
        file=file,
        environment={
            "SESSIONTRAIL_INGEST_HTTP_ENDPOINT": "127.0.0.1:2",
            "SESSIONTRAIL_STORE_ENDPOINT": "127.0.0.1:2",
        },
        assignments=["store.endpoint=[::1]:3"],
    )
    assert config.ingest.grpc.endpoint == HostPort("127.0.0.1", 1)
    assert config.ingest.http.endpoint == HostPort("127.0.0.1", 2)
    assert config.store.endpoint == HostPort("::1", 3)
    assert config.query.endpoint == HostPort("127.0.0.1", 8080)


@pytest.mark.parametrize(
    "assignment",
    ["ingest.grcp.endpoint=127.0.0.1:1", "ingest.grpc.endpiont=127.0.0.1:1", "grpc.endpoint=x:1"],
)
def test_an_unknown_key_names_the_nearest(assignment: str) -> None:
    """A typo is an error, not a setting that does nothing."""
    with pytest.raises(ConfigError, match=r"Did you mean 'ingest\.grpc\.endpoint'"):
        settings.load(environment={}, assignments=[assignment])


def test_an_unknown_variable_names_the_nearest() -> None:
    """The same holds for the environment, except for what Kubernetes puts there."""
    with pytest.raises(ConfigError, match="Did you mean 'SESSIONTRAIL_STORE_ENDPOINT'"):
        settings.load(environment={"SESSIONTRAIL_STORE_ENDPIONT": "x:1"})
    settings.load(environment={"SESSIONTRAIL_SERVICE_HOST": "10.0.0.1", "SESSIONTRAIL_PORT": "x"})


def test_every_problem_is_told_at_once() -> None:
    """Nobody has to start three times to learn of three mistakes."""
    with pytest.raises(ConfigError) as caught:
        settings.load(
            environment={},
            assignments=["nothing=1", "store.endpoint=nowhere", "worker.batch_seconds_max=-1"],
        )
    problems = str(caught.value)
    assert "there is no setting 'nothing'" in problems
    assert "store.endpoint" in problems
    assert "worker.batch_seconds_max" in problems


def test_problems_are_in_words_of_the_settings() -> None:
    """Not in those of the library that reads them."""
    with pytest.raises(ConfigError) as caught:
        settings.load(
            environment={},
            assignments=["worker.batch_bytes_max=much", "store.endpoint=nowhere"],
        )
    problems = str(caught.value)
    assert "Value error" not in problems
    assert "worker.batch_bytes_max: write a number of bytes" in problems
    assert "such as 48MiB" in problems


def test_files_may_refer_to_the_environment(tmp_path: Path) -> None:
    """As in the Collector's files: ${env:NAME} and ${env:NAME:-default}."""
    file = tmp_path / "sessiontrail.yaml"
    file.write_text(
        "store: {password: '${env:SECRET}', user: '${env:NOBODY:-default}'}", encoding="utf-8"
    )
    config = settings.load(file=file, environment={"SECRET": "s3cr3t"})
    assert config.store.password.get_secret_value() == "s3cr3t"
    assert config.store.user == "default"
    assert "s3cr3t" not in repr(config)
    with pytest.raises(ConfigError, match="the environment has no SECRET"):
        settings.load(file=file, environment={})


@pytest.mark.parametrize("text", ["- a list", "a: b: c", "log: {level: loud}"])
def test_a_file_that_cannot_be_used_is_told(tmp_path: Path, text: str) -> None:
    """Whatever is wrong with it, it is a ConfigError."""
    file = tmp_path / "sessiontrail.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError):
        settings.load(file=file, environment={})


def test_a_file_may_hold_settings_that_are_mappings(tmp_path: Path) -> None:
    """By project, as docs/configuration.md writes them; null is a value there."""
    file = tmp_path / "sessiontrail.yaml"
    file.write_text(
        "retention: {projects: {shop: 90, audit: null}}\n"
        "ingest: {rate: {projects: {shop: 20MiB, 'a.b': null}}}",
        encoding="utf-8",
    )
    config = settings.load(file=file, environment={})
    assert config.retention.projects == {"shop": 90, "audit": None}
    assert config.ingest.rate.projects == {"shop": 20 * 2**20, "a.b": None}


@pytest.mark.parametrize("servers", ["kafka-1", "kafka-1:abc", "a:1,b:99999", ""])
def test_brokers_have_addresses(servers: str) -> None:
    """Not found out at the first connection."""
    with pytest.raises(ConfigError, match=r"buffer\.kafka\.bootstrap_servers: .*127\.0\.0\.1:"):
        settings.load(environment={}, assignments=[f"buffer.kafka.bootstrap_servers={servers}"])


def test_a_password_of_digits_is_text() -> None:
    """Whatever YAML would make of it."""
    config = settings.load(
        environment={"SESSIONTRAIL_STORE_PASSWORD": "0123"}, assignments=["store.user=007"]
    )
    assert config.store.password.get_secret_value() == "0123"
    assert config.store.user == "007"


def test_sizes_and_lists_are_read_as_people_write_them() -> None:
    """64MiB is a size; a list is YAML."""
    config = settings.load(
        environment={"SESSIONTRAIL_SESSIONS_KEYS": "[my.session, session.id]"},
        assignments=["ingest.request_bytes_max=8MiB"],
    )
    assert config.ingest.request_bytes_max == 8 * 2**20
    assert config.sessions.keys == ("my.session", "session.id")


def test_a_batch_has_room() -> None:
    """Without any, a worker would take nothing, for ever, and call itself ready."""
    with pytest.raises(ConfigError, match=r"worker\.batch_bytes_max"):
        settings.load(environment={}, assignments=["worker.batch_bytes_max=0"])


@pytest.mark.parametrize(
    ("key", "most"),
    [
        ("sessions.idle_minutes", "5256000"),
        ("retention.days", "36500"),
        # Beyond 2106, where the engine's DateTime ends, what was deleted was forgotten at once.
        ("retention.deletions_days", "10000"),
        ("times.past_days_max", "36500"),
        ("times.future_days_max", "36500"),
        ("query.login_hours", "87600"),
        ("store.timeout_seconds", "86400"),
        ("ingest.publish_seconds_max", "86400"),
    ],
)
def test_times_end_somewhere(key: str, most: str) -> None:
    """Infinity, and what the store cannot reckon with, are told before anything is started."""
    settings.load(environment={}, assignments=[f"{key}={most}"])
    for beyond in (f"{most}1", "inf"):
        with pytest.raises(ConfigError, match=key):
            settings.load(environment={}, assignments=[f"{key}={beyond}"])
