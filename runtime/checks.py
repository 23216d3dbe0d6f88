"""
What no setting can say alone: settings that contradict one another, or that leave a door open.

Each function yields problems in words, for the person who can mend them. A process refuses those
that concern it at its start; `sessiontrail validate` asks for all of them.
"""

from __future__ import annotations

import os
import re
import ssl
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from runtime import certificates, keys
from runtime.config import (
    Config,
    IngestTlsConfig,
    KafkaBufferConfig,
    KafkaSecurityConfig,
    QueryConfig,
    StoreConfig,
)
from runtime.errors import ConfigError
from runtime.ingest_config import REQUEST_OVERHEAD_BYTES

_SECRET_CHARACTERS_MIN = 32
_TOPIC_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")


def refuse(problems: Iterable[str]) -> None:
    """
    Return if there are no problems.

    Raises:
        ConfigError: with all of them, a line each.
    """
    if text := "\n".join(problems):
        raise ConfigError(text)


def everything(config: Config) -> Iterator[str]:
    """Yield what is wrong with the settings, whichever process it concerns."""
    yield from key_file(config)
    yield from ingest(config)
    yield from buffer(config)
    yield from query(config.query)
    yield from ingest_url(config.query)
    yield from store_url(config.store)
    if not config.store.url:
        yield from embedded_store(config.store)


def key_file(config: Config) -> Iterator[str]:
    """Yield what keeps everyone from reading the project keys."""
    try:
        keys.read(config.keys_file)
    except ConfigError as error:
        yield str(error)


def ingest(config: Config) -> Iterator[str]:
    """Yield what keeps ingest from its work."""
    settings = config.ingest
    if not (settings.without_keys or _has_keys(config)):
        for key, endpoint in (
            ("ingest.grpc.endpoint", settings.grpc.endpoint),
            ("ingest.http.endpoint", settings.http.endpoint),
        ):
            if not endpoint.is_loopback:
                yield (
                    f"{key}: {endpoint} can be reached from other machines, and everyone there"
                    " could send spans: there are no project keys. Make one with `sessiontrail keys"
                    " create --project NAME`, listen on 127.0.0.1, or set ingest.without_keys to"
                    " allow it"
                )
    if any((settings.tls.cert_file, settings.tls.key_file, settings.tls.client_ca_file)):
        try:
            certificates.read(settings.tls)
        except ConfigError as error:
            yield str(error)
    if settings.inflight_bytes_max < 2 * settings.request_bytes_max + REQUEST_OVERHEAD_BYTES:
        yield (
            "ingest.inflight_bytes_max must be twice ingest.request_bytes_max, and 64 KiB more: a"
            " request is held packed and unpacked, and the largest would be refused for ever"
        )


def _has_keys(config: Config) -> bool:
    try:
        return bool(keys.read(config.keys_file))
    except ConfigError:
        return True  # key_file() says so


def buffer(config: Config) -> Iterator[str]:
    """Yield what keeps the logs from their work."""
    if config.buffer.kind == "kafka":
        yield from _kafka(config.buffer.kafka)
        return
    if config.buffer.kafka.bootstrap_servers != KafkaBufferConfig().bootstrap_servers:
        yield (
            "buffer.kafka.bootstrap_servers is set, but buffer.kind is 'embedded' and all would go"
            " into files here: set buffer.kind=kafka, or leave it away"
        )
    if config.buffer.embedded.value_bytes_max < config.ingest.request_bytes_max:
        yield (
            "buffer.embedded.value_bytes_max must be ingest.request_bytes_max or more, or the"
            " largest requests would be refused for ever"
        )


def _kafka(config: KafkaBufferConfig) -> Iterator[str]:
    security, topics = config.security, config.topics
    if len({config.topic, config.logs_topic, config.dead_topic}) < 3:
        yield (
            "buffer.kafka.topic, logs_topic and dead_topic must be three topics: what is in one"
            " would be consumed as if it were in the other, and be dead letters"
        )
    for key in ("topic", "logs_topic", "dead_topic"):
        name = getattr(config, key)
        if not _TOPIC_NAME.fullmatch(name) or name in {".", ".."}:
            yield (
                f"buffer.kafka.{key}: '{name}' is no name of a topic: those are of letters, digits,"
                " dots, underscores and hyphens, 249 at most"
            )
    yield from _kafka_security(security)
    if 0 < topics.replication < topics.min_insync_replicas:
        yield (
            "buffer.kafka.topics.min_insync_replicas must not be more than replication, or nothing"
            " would ever be acknowledged"
        )


def _kafka_security(security: KafkaSecurityConfig) -> Iterator[str]:
    protocol = security.protocol
    if protocol.startswith("sasl"):
        for key in ("user", "password"):
            if not _is_given(security, key):
                yield f"buffer.kafka.security.{key}: set it, or another protocol than {protocol}"
    # Else somebody who forgot the protocol would send to brokers that nobody proved to be theirs.
    unused = [] if protocol.startswith("sasl") else ["user", "password"]
    unused += [] if protocol.endswith("ssl") else ["ca_file", "cert_file", "key_file"]
    if given := [key for key in unused if _is_given(security, key)]:
        yield (
            f"buffer.kafka.security: {', '.join(given)} would not be used with the protocol"
            f" {protocol}: set protocol, or leave them away"
        )
    if (security.cert_file is None) != (security.key_file is None):
        yield (
            "buffer.kafka.security: cert_file and key_file belong together; set both of them or"
            " neither"
        )
    unreadable = list(_unreadable("buffer.kafka.security", security))
    yield from unreadable
    if protocol.endswith("ssl") and security.ca_file and not unreadable:
        try:
            ssl.create_default_context(cafile=security.ca_file)
        except ssl.SSLError:
            yield (
                f"buffer.kafka.security.ca_file: {security.ca_file} holds no certificates in PEM"
            )


def _is_given(security: KafkaSecurityConfig, key: str) -> bool:
    value = getattr(security, key)
    return bool(value.get_secret_value() if isinstance(value, SecretStr) else value)


def _unreadable(section: str, files: KafkaSecurityConfig | IngestTlsConfig) -> Iterator[str]:
    for name in ("ca_file", "cert_file", "key_file"):
        path: Path | None = getattr(files, name)
        if path and not os.access(path, os.R_OK):
            yield f"{section}.{name}: {path} cannot be read"


def query(config: QueryConfig) -> Iterator[str]:
    """Yield what keeps the read side from its work."""
    if not (config.endpoint.is_loopback or config.users or config.without_users):
        yield (
            f"query.endpoint: {config.endpoint} can be reached from other machines, and everyone"
            " there could read and change everything. Set query.users, serve on 127.0.0.1, or set"
            " query.without_users to allow it"
        )
    names = [user.name for user in config.users]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"query.users: there are several users '{name}'; give each a name of its own"
    if 0 < len(config.secret.get_secret_value()) < _SECRET_CHARACTERS_MIN:
        yield (
            f"query.secret must have {_SECRET_CHARACTERS_MIN} random characters or more, such as"
            " `openssl rand -hex 32` prints; or leave it away"
        )


def store_url(config: StoreConfig) -> Iterator[str]:
    """Yield what keeps anyone from reaching the store at `store.url`."""
    if not config.url:
        return
    if not _is_base_url(config.url):
        yield "store.url must be http://host:port or https://host:port, and nothing more"
    elif urlsplit(config.url).username is not None:
        yield "store.url must not hold a user or a password: set store.user and store.password"


def ingest_url(config: QueryConfig) -> Iterator[str]:
    """Yield what keeps query from handing exports on."""
    url = config.ingest_url
    if url and not (_is_base_url(url) and urlsplit(url).username is None):
        yield "query.ingest_url must be http://host:port or https://host:port, and nothing more"
    yield from _unreadable("query.ingest_tls", config.ingest_tls)


def _is_base_url(text: str) -> bool:
    # The text itself is never repeated: it may hold a password.
    try:
        url = urlsplit(text)
        usable = url.scheme in {"http", "https"} and bool(url.hostname) and url.port != 0
    except ValueError:  # the port is no number
        return False
    return usable and url.path in {"", "/"} and not url.query and not url.fragment


def embedded_store(config: StoreConfig) -> Iterator[str]:
    """Yield what keeps the embedded store from serving."""
    if not (config.endpoint.is_loopback or config.password.get_secret_value()):
        yield (
            f"store.endpoint: {config.endpoint} can be reached from other machines. Set"
            " store.password, or serve on 127.0.0.1"
        )
