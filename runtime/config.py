"""
The settings of every process: what there is, its default, its unit, and what it does.

The classes below, and those of ingest in runtime/ingest_config.py, are the whole truth:
docs/configuration.md is rendered from them. Where settings come from is runtime/settings.py's
business.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ByteSize,
    Field,
    FiniteFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    model_validator,
)

from runtime.ingest_config import IngestConfig
from runtime.roles import RoleName
from runtime.section import Days, Endpoint, HostPort, Seconds, Section, parse_host_port

# In order of preference; docs/sessions.md says who sends which.
SESSION_KEYS = (
    "langfuse.session.id",
    "session.id",
    "gen_ai.conversation.id",
    "langfuse.trace.metadata.langfuse_session_id",
    "langfuse.observation.metadata.langfuse_session_id",
    "ai.telemetry.metadata.sessionId",
    "ai.telemetry.metadata.session_id",
    "traceloop.association.properties.session_id",
    "lmnr.association.properties.session_id",
    "langsmith.metadata.session_id",
    "langsmith.metadata.thread_id",
    "langsmith.metadata.conversation_id",
    "mlflow.trace.session",
    "gcp.vertex.agent.session_id",
    "coding_agent.session.id",
    "rum.sessionId",
    "splunk.rumSessionId",
    "highlight.session_id",
    "ai.settings.context.sessionId",
    "ai.settings.runtimeContext.sessionId",
    "thread.id",
    "conversation.id",
)


# Argon2's own way to write a hash down, with its parameters and its salt.
_PASSWORD_HASH = re.compile(
    r"\$argon2(id|i|d)\$v=\d+\$m=\d+,t=\d+,p=\d+\$[\w+/]+\$[\w+/]+", re.ASCII
)


class EmbeddedBufferConfig(Section):
    """The embedded log: SQLite files in `data_dir`."""

    value_bytes_max: ByteSize = Field(
        default=ByteSize(4 * 2**30),
        description="How many bytes of spans may wait to be stored, and how many of log records. "
        "Past it, exporters are told to come back later (UNAVAILABLE, 503).",
    )


def _parse_servers(servers: object) -> object:
    if isinstance(servers, str):
        servers = servers.replace(",", " ").split()
    if not isinstance(servers, list | tuple):
        return servers
    if not servers:
        raise ValueError("name one broker at least, such as 127.0.0.1:9092")
    return tuple(str(parse_host_port(server)) for server in servers)


class KafkaSecurityConfig(Section):
    """How Kafka is spoken to."""

    protocol: Literal["plaintext", "ssl", "sasl_plaintext", "sasl_ssl"] = Field(
        default="plaintext", description="Whether with TLS (`…ssl`), whether with a user (`sasl…`)."
    )
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        default="SCRAM-SHA-512", description="How the user is proved, with `sasl…`."
    )
    user: str = Field(default="", description="The user, with `sasl…`.")
    password: SecretStr = Field(default=SecretStr(""), description="The user's password.")
    ca_file: Path | None = Field(
        default=None,
        description="Whom to trust, with `…ssl`: certificates in PEM. Without it, whom the system "
        "trusts.",
    )
    cert_file: Path | None = Field(
        default=None, description="Our own certificate in PEM, where the brokers ask for one."
    )
    key_file: Path | None = Field(default=None, description="The key of our own certificate.")
    key_password: SecretStr = Field(
        default=SecretStr(""), description="The password of that key, where it has one."
    )


class KafkaTopicsConfig(Section):
    """How topics are created that are not there."""

    create: bool = Field(
        default=False,
        description="Create a topic that is not there, as the next three say. Without it, a "
        "missing topic is waited for. `sessiontrail up` creates topics unless told not to.",
    )
    partitions: PositiveInt = Field(
        default=12, description="How many partitions: as many workers can share the work."
    )
    replication: NonNegativeInt = Field(
        default=0,
        description="On how many brokers each partition is. 0: on three, or all there are.",
    )
    min_insync_replicas: NonNegativeInt = Field(
        default=0,
        description="How many brokers must have a record before it is acknowledged. 0: one fewer "
        "than `replication`, and one at least.",
    )


class KafkaBufferConfig(Section):
    """Apache Kafka 3.0 or newer."""

    bootstrap_servers: Annotated[tuple[str, ...], BeforeValidator(_parse_servers)] = Field(
        default=("127.0.0.1:9092",),
        min_length=1,
        description="Some of the brokers, `host:port`, with commas between them.",
    )
    topic: str = Field(default="otlp_spans", min_length=1, description="The topic of the spans.")
    logs_topic: str = Field(
        default="otlp_logs", min_length=1, description="The topic of the log records."
    )
    dead_topic: str = Field(
        default="otlp_spans.dead", min_length=1, description="The topic of the dead letters."
    )
    group: str = Field(
        default="sessiontrail",
        min_length=1,
        description="The consumer group of all workers. That of the log records is this and "
        "`.logs`, that of the dead letters this and `.dead`.",
    )
    instance_id: str = Field(
        default="",
        description="A name that only this worker has, and keeps when it starts again, such as "
        "`worker-1`: it then gets its partitions back at once (static membership). Two live "
        "workers with one name would fight. Empty: a worker is somebody new at each start.",
    )
    session_seconds: Seconds = Field(
        default=10.0,
        description="After how long a worker that is not heard of loses its partitions (seconds).",
    )
    max_message_bytes: ByteSize = Field(
        default=ByteSize(960 * 1024),
        ge=16 * 1024,
        description="The largest record that is written. Larger requests are split. The topic's "
        "`max.message.bytes` must be larger by 1 KiB or more.",
    )
    security: KafkaSecurityConfig = KafkaSecurityConfig()
    topics: KafkaTopicsConfig = KafkaTopicsConfig()


class BufferConfig(Section):
    """Where accepted spans and log records wait until they are stored."""

    kind: Literal["embedded", "kafka"] = Field(
        default="embedded", description="SQLite files in `data_dir`, or an Apache Kafka of yours."
    )
    embedded: EmbeddedBufferConfig = EmbeddedBufferConfig()
    kafka: KafkaBufferConfig = KafkaBufferConfig()


class TelemetryConfig(Section):
    """The health and metrics of a process that listens for nothing else."""

    endpoint: Endpoint = Field(
        default=HostPort("127.0.0.1", 0),
        description="Where the worker serves `/healthz`, `/readyz` and `/metrics`. Port 0 takes "
        "any free one; the log says which.",
    )


class WorkerConfig(Section):
    """Consuming, inserting, resolving and committing."""

    batch_bytes_max: ByteSize = Field(
        default=ByteSize(48 * 2**20),
        ge=1,
        description="Spans are inserted once so many bytes wait …",
    )
    batch_seconds_max: Seconds = Field(
        default=0.5, description="… or the first of them has waited so long (seconds)."
    )
    dead_letters_max: PositiveInt = Field(
        default=1000,
        description="How many dead letters may wait. Past it, workers stop and say so, so that a "
        "bad deployment does not drain everything there.",
    )
    telemetry: TelemetryConfig = TelemetryConfig()


class StoreConfig(Section):
    """ClickHouse: the embedded engine, or a server of yours."""

    endpoint: Endpoint = Field(
        default=HostPort("127.0.0.1", 8123),
        description="Where the embedded store speaks ClickHouse's HTTP interface.",
    )
    url: str = Field(
        default="",
        description="A ClickHouse server to use instead of the embedded store, such as "
        "`https://ch.example.com:8443` (25.8 or newer).",
    )
    database: str = Field(default="default", description="The database of all tables and views.")
    user: str = Field(default="default", description="ClickHouse's user.")
    password: SecretStr = Field(
        default=SecretStr(""),
        description="ClickHouse's password. The embedded store needs one beyond loopback.",
    )
    connections: PositiveInt = Field(
        default=6, description="How many queries the embedded store runs side by side."
    )
    timeout_seconds: Seconds = Field(
        default=120.0, description="How long one statement may take (seconds) before it is retried."
    )


class SessionsConfig(Section):
    """Which spans and log records belong to which session."""

    keys: tuple[str, ...] = Field(
        default=SESSION_KEYS,
        min_length=1,
        description="The attributes that hold a session id, in order of preference; each is looked "
        "for on the span or log record, then on the resource.",
    )
    idle_minutes: PositiveFloat = Field(
        default=30.0,
        le=5_256_000,
        description="A session that is not ended is idle once its last span ended so long ago "
        "(minutes). Read by `sessiontrail migrate`.",
    )


class RetentionConfig(Section):
    """How long spans are kept, and what was deleted is remembered."""

    days: Days | None = Field(
        default=None,
        description="A trace whose last span ended so long ago (days) is deleted, with all that is "
        "known of it. Without it, traces are kept for ever.",
    )
    projects: dict[str, Days | None] = Field(
        default={},
        description="The same by project, where it differs: `{shop: 90, audit: null}`; null keeps "
        "for ever.",
    )
    deletions_days: PositiveInt = Field(
        default=30,
        le=10_000,  # the engine's DateTime, by which it forgets, begins anew in 2106
        description="How long (days) what was deleted is kept from coming back: longer than any "
        "record waits in the log. Read by `sessiontrail migrate`.",
    )


class TimesConfig(Section):
    """Which start times are believed."""

    past_days_max: Days = Field(
        default=400.0,
        description="A span that starts longer ago (days) is stored at its receive time and "
        "flagged.",
    )
    future_days_max: Days = Field(
        default=1.0,
        description="A span that starts further ahead (days) is stored at its receive time and "
        "flagged.",
    )


DataType = Literal["NUMERIC", "CATEGORICAL", "BOOLEAN", "TEXT"]


class ScoreDefinition(Section):
    """What the scores of one name must be."""

    name: str = Field(min_length=1, max_length=200)
    data_type: DataType
    description: str = ""
    min: FiniteFloat | None = None
    max: FiniteFloat | None = None
    categories: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _makes_sense(self) -> Self:
        if self.data_type != "NUMERIC" and (self.min is not None or self.max is not None):
            raise ValueError("min and max are for NUMERIC scores")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError("min is above max")
        if bool(self.categories) != (self.data_type == "CATEGORICAL"):
            raise ValueError("categories are for CATEGORICAL scores, which need them")
        return self


def _named_once(definitions: tuple[ScoreDefinition, ...]) -> tuple[ScoreDefinition, ...]:
    names = [definition.name for definition in definitions]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"defined twice: {', '.join(sorted(twice))}")
    return definitions


class KeysConfig(Section):
    """The keys of projects: who sends spans, and who reads through the API."""

    file: Path | None = Field(
        default=None,
        description="The file that `sessiontrail keys` writes and every process reads. Without it, "
        "`keys.json` in `data_dir`.",
    )


def _check_password_hash(value: SecretStr) -> SecretStr:
    # The text itself is not repeated: it may be the password.
    if not _PASSWORD_HASH.fullmatch(value.get_secret_value()):
        raise ValueError("write what `sessiontrail hash-password` prints, all of it and in quotes")
    return value


class UserConfig(Section):
    """Somebody who may log in."""

    name: str = Field(min_length=1, max_length=100)
    password_hash: Annotated[SecretStr, AfterValidator(_check_password_hash)]
    roles: dict[str, RoleName] = Field(min_length=1)


class IngestTlsConfig(Section):
    """How `ingest_url` is spoken to, where it is https."""

    ca_file: Path | None = Field(
        default=None,
        description="Whom to trust: certificates in PEM. Without it, whom the system trusts.",
    )
    cert_file: Path | None = Field(
        default=None, description="Our own certificate in PEM, where ingest asks for one."
    )
    key_file: Path | None = Field(default=None, description="The key of our own certificate.")


class QueryConfig(Section):
    """Pages and API."""

    endpoint: Endpoint = Field(
        default=HostPort("127.0.0.1", 8080), description="Where pages and API are served."
    )
    score_definitions: Annotated[tuple[ScoreDefinition, ...], AfterValidator(_named_once)] = Field(
        default=(),
        description="The scores that the pages offer, each with `name`, `data_type` (`NUMERIC`, "
        "`CATEGORICAL`, `BOOLEAN`, `TEXT`), and where wanted `description`, `min`, `max`, "
        "`categories`. A score with such a name must be as it says; other names are free.",
    )
    users: tuple[UserConfig, ...] = Field(
        default=(),
        description="Who may log in: a list of `{name: ada, password_hash: '…', roles: {shop: "
        "editor}}`. `sessiontrail hash-password` makes the hash; a role is viewer, editor or "
        "admin, in a project or in all of them (`'*'`). Without users, whoever reaches the "
        "address may do everything.",
    )
    without_users: bool = Field(
        default=False,
        description="Serve on addresses beyond loopback, and under any name, although there are "
        "no users.",
    )
    login_hours: PositiveFloat = Field(
        default=12.0, le=87_600, description="How long a log-in lasts (hours)."
    )
    secret: SecretStr = Field(
        default=SecretStr(""),
        description="What log-ins are signed with, 32 random characters or more, the same for all "
        "query processes. Without it, a random one is kept in `query.secret` in `data_dir`.",
    )
    ingest_url: str = Field(
        default="",
        description="Where spans go that Langfuse's SDKs send to `query.endpoint`, such as "
        "`http://ingest:4318`. Empty: to `ingest.http.endpoint`.",
    )
    ingest_tls: IngestTlsConfig = IngestTlsConfig()


class LogConfig(Section):
    """What the processes say of themselves, on standard output."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least severe lines that are written."
    )
    format: Literal["auto", "console", "json"] = Field(
        default="auto", description="`auto`: JSON unless a person watches a terminal."
    )


class Config(Section):
    """All settings of all processes."""

    data_dir: Path = Field(
        default=Path("data"),
        description="The folder of the embedded log and the embedded store.",
    )
    buffer: BufferConfig = BufferConfig()
    ingest: IngestConfig = IngestConfig()
    worker: WorkerConfig = WorkerConfig()
    store: StoreConfig = StoreConfig()
    sessions: SessionsConfig = SessionsConfig()
    retention: RetentionConfig = RetentionConfig()
    times: TimesConfig = TimesConfig()
    keys: KeysConfig = KeysConfig()
    query: QueryConfig = QueryConfig()
    log: LogConfig = LogConfig()

    @property
    def keys_file(self) -> Path:
        """Where the project keys are."""
        return self.keys.file or self.data_dir / "keys.json"
