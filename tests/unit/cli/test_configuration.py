"""`sessiontrail validate` and `print-config`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cli.main import cli
from runtime import settings
from tests import processes


def _run(command: str, *assignments: str, file: Path | None = None, **environment: str) -> Result:
    given = [*([f"--config={file}"] if file else []), *(f"--set={item}" for item in assignments)]
    return CliRunner().invoke(cli, [command, *given], env=environment)


def test_validate_says_where_settings_were_given(tmp_path: Path) -> None:
    """A file, the environment, --set: the last one to give a key has it."""
    file = tmp_path / "sessiontrail.yaml"
    file.write_text("log: {level: error}\nstore: {user: ada, password: '${env:SECRET}'}\n")
    result = _run(
        "validate",
        "log.level=debug",
        file=file,
        SECRET="s3cr3t",
        SESSIONTRAIL_STORE_DATABASE="spans",
    )
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "ok",
        "--set: log.level",
        f"{file}: store.user, store.password",
        "SESSIONTRAIL_STORE_DATABASE: store.database",
        "all others: defaults",
    ]
    assert _run("validate").stdout.splitlines() == ["ok", "all: defaults"]


def test_validate_tells_every_problem(tmp_path: Path) -> None:
    """Of every source and of every kind, a line each."""
    file = tmp_path / "sessiontrail.yaml"
    file.write_text("logs: {level: error}\nstore: {user: '${env:NOBODY}'}\n")
    result = _run(
        "validate",
        "store",
        "worker.batch=1",
        "store.password=***",
        "ingest.grpc.endpoint=0.0.0.0:1",
        file=file,
        SESSIONTRAIL_STORE_DATABSE="x",
    )
    assert result.exit_code == 2
    problems = result.stderr.splitlines()
    for problem, number in (
        ("the environment has no NOBODY", 1),
        ("no setting 'logs.level'", 1),
        ("Did you mean 'SESSIONTRAIL_STORE_DATABASE'", 1),
        ("--set store: write key=value", 1),
        ("no setting 'worker.batch'", 1),
        ("store.password: '***' stands for a secret", 1),
        ("ingest.grpc.endpoint: 0.0.0.0:1 can be reached from other machines", 1),
    ):
        assert sum(problem in line for line in problems) == number, problem
    assert len(problems) == 7


KAFKA = "buffer.kind=kafka"
SASL = [KAFKA, "buffer.kafka.security.protocol=sasl_ssl"]
TLS = [KAFKA, "buffer.kafka.security.protocol=ssl"]


@pytest.mark.parametrize(
    ("assignments", "problem"),
    [
        (["ingest.http.endpoint=0.0.0.0:1"], "ingest.http.endpoint: 0.0.0.0:1"),
        (["ingest.inflight_bytes_max=100MiB"], "ingest.inflight_bytes_max must be twice"),
        (["buffer.embedded.value_bytes_max=1MiB"], "buffer.embedded.value_bytes_max must be"),
        (["buffer.kafka.bootstrap_servers=k:9092"], "but buffer.kind is 'embedded'"),
        ([KAFKA, "buffer.kafka.dead_topic=otlp_spans"], "must be three topics"),
        ([*SASL, "buffer.kafka.security.password=s3cr3t"], "buffer.kafka.security.user: set it"),
        ([*SASL, "buffer.kafka.security.user=ada"], "buffer.kafka.security.password: set it"),
        ([*TLS, "buffer.kafka.security.key_file=/dev/null"], "key_file belong together"),
        ([*TLS, "buffer.kafka.security.ca_file=none"], "ca_file: none cannot be read"),
        ([*TLS, f"buffer.kafka.security.ca_file={__file__}"], "holds no certificates in PEM"),
        ([KAFKA, "buffer.kafka.topic=chat spans"], "buffer.kafka.topic: 'chat spans' is no name"),
        # Whoever forgets the protocol would speak plain text, and believe otherwise.
        ([KAFKA, "buffer.kafka.security.password=s3cr3t"], "password would not be used"),
        ([KAFKA, "buffer.kafka.security.ca_file=/dev/null"], "ca_file would not be used"),
        ([*TLS, "buffer.kafka.security.user=ada"], "user would not be used with the protocol ssl"),
        (
            [KAFKA, "buffer.kafka.topics={replication: 2, min_insync_replicas: 3}"],
            "there is no setting 'buffer.kafka.topics'",
        ),
        (
            [
                KAFKA,
                "buffer.kafka.topics.replication=2",
                "buffer.kafka.topics.min_insync_replicas=3",
            ],
            "min_insync_replicas must not be more than replication",
        ),
        (["query.endpoint=0.0.0.0:1"], "query.endpoint: 0.0.0.0:1 can be reached"),
        (["query.secret=s3cr3t"], "query.secret must have 32 random characters"),
        (["query.users=[{name: a, password_hash: s3cr3t, roles: {a: admin}}]"], "hash-password"),
        (["keys.file=/dev"], "keys.file: cannot read /dev: Is a directory"),
        (["store.endpoint=0.0.0.0:1"], "store.endpoint: 0.0.0.0:1 can be reached"),
        (["store.url=clickhouse:8123"], "store.url must be http://host:port"),
        (["store.url=http://ch:port"], "store.url must be http://host:port"),
        (["store.url=http://ch/?password=s3cr3t"], "store.url must be http://host:port"),
        (["store.url=http://ada:s3cr3t@ch"], "set store.user and store.password"),
        (["ingest.tls.cert_file=/dev/null"], "ingest.tls: cert_file and key_file belong together"),
        (
            ["ingest.tls.cert_file=/dev/null", "ingest.tls.key_file=none"],
            "ingest.tls.key_file: cannot read none",
        ),
        (["ingest.http.cors.allowed_origins=['*']"], "'*' is no origin"),
        (["query.ingest_tls.ca_file=none"], "query.ingest_tls.ca_file: none cannot be read"),
        (["query.ingest_url=ingest:4318"], "query.ingest_url must be http://host:port"),
        (["query.ingest_url=http://ada:s3cr3t@i"], "query.ingest_url must be http://host:port"),
    ],
)
def test_settings_that_contradict_are_refused(assignments: list[str], problem: str) -> None:
    """Each alone; no problem repeats a secret."""
    result = _run("validate", *assignments)
    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    assert problem in line
    assert "s3cr3t" not in line


@pytest.mark.parametrize(
    "assignments",
    [
        ["ingest.http.endpoint=0.0.0.0:1", "ingest.without_keys=true"],
        ["query.endpoint=0.0.0.0:1", "query.without_users=true"],
        ["store.endpoint=0.0.0.0:1", "store.password=s3cr3t"],
        ["store.endpoint=0.0.0.0:1", "store.url=https://ch.example.com/"],
        ["buffer.embedded.value_bytes_max=1MiB", KAFKA],
        ["buffer.kafka.dead_topic=otlp_spans"],
    ],
)
def test_settings_that_go_together_are_taken(assignments: list[str]) -> None:
    """What is not used is not in the way."""
    assert _run("validate", *assignments).exit_code == 0


@pytest.mark.parametrize(
    ("process", "assignment"),
    [
        ("ingest", "ingest.http.endpoint=0.0.0.0:1"),
        ("ingest", "buffer.embedded.value_bytes_max=1MiB"),
        ("worker", "store.url=http://ada:s3cr3t@ch"),
        ("store", "store.endpoint=0.0.0.0:1"),
        ("query", "query.ingest_url=http://i/v1/traces"),
    ],
)
def test_processes_refuse_what_validate_refuses(
    process: str, assignment: str, tmp_path: Path
) -> None:
    """In the same words."""
    told = _run("validate", assignment).stderr.strip()
    result = subprocess.run(
        [processes.COMMAND, process, f"--data-dir={tmp_path}", f"--set={assignment}"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert result.returncode == 2
    assert told in result.stderr


def test_what_is_printed_is_a_file_that_says_the_same(tmp_path: Path) -> None:
    """Sizes, lists, addresses, paths and texts that look like something else."""
    assignments = [
        "data_dir=/var/lib/it's",
        "ingest.request_bytes_max=1234567",
        "worker.batch_bytes_max=24MiB",
        "sessions.keys=[my.session, '12:30', 'yes']",
        "store.endpoint=[::1]:3",
        "store.database='123'",
        "buffer.kafka.bootstrap_servers=a:1,b:2",
        "buffer.kafka.security.ca_file=/etc/ca.pem",
        "ingest.without_keys=true",
        "log.level=debug",
    ]
    result = _run("print-config", *assignments)
    assert result.exit_code == 0
    file = tmp_path / "printed.yaml"
    file.write_text(result.stdout, encoding="utf-8")
    assert settings.load(file=file, environment={}) == settings.load(
        environment={}, assignments=assignments
    )
    lines = [line.strip() for line in result.stdout.splitlines()]
    assert lines.count("# from --set") == len(assignments)
    assert lines[lines.index("level: debug") - 1] == "# from --set"
    assert "batch_bytes_max: 24MiB" in lines
    assert "request_bytes_max: 1234567" in lines


def test_secrets_are_not_printed(tmp_path: Path) -> None:
    """Nor taken back as they are shown."""
    result = _run(
        "print-config",
        "store.url=https://ada:s3cr3t@p/w@ch:8443",
        "buffer.kafka.security.key_password=s3cr3t",
        SESSIONTRAIL_STORE_PASSWORD="s3cr3t",
    )
    assert result.exit_code == 0
    assert "s3cr3t" not in result.stdout
    assert "url: https://***@ch:8443" in result.stdout
    assert "# from SESSIONTRAIL_STORE_PASSWORD\n  password: '***'\n" in result.stdout
    file = tmp_path / "printed.yaml"
    file.write_text(result.stdout, encoding="utf-8")
    taken = _run("validate", file=file)
    assert taken.exit_code == 2
    assert "store.password: '***' stands for a secret" in taken.stderr
    assert "buffer.kafka.security.key_password: '***' stands for a secret" in taken.stderr


def test_problems_keep_it_from_being_printed() -> None:
    """There are no settings in force then."""
    result = _run("print-config", "nothing=1")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "there is no setting 'nothing'" in result.stderr
