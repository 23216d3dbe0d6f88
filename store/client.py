"""
The one ClickHouse client: clickhouse-connect over HTTP, its errors translated into ours.

The embedded store and a ClickHouse server look the same from here.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp
import clickhouse_connect
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.exceptions import ClickHouseError

from runtime import checks
from runtime.config import StoreConfig
from runtime.errors import (
    PipelineError,
    StoreOutOfMemory,
    StoreRefused,
    StoreUnavailable,
    UnreadableRecords,
)

# ClickHouse's codes (src/Common/ErrorCodes.cpp) that a record's bytes can cause while they are
# parsed. The list is closed: nothing else ever counts against a record.
UNREADABLE_CODES = frozenset(
    {
        6,  # CANNOT_PARSE_TEXT
        26,  # CANNOT_PARSE_QUOTED_STRING
        27,  # CANNOT_PARSE_INPUT_ASSERTION_FAILED
        32,  # ATTEMPT_TO_READ_AFTER_EOF
        33,  # CANNOT_READ_ALL_DATA
        36,  # BAD_ARGUMENTS: "Invalid protobuf data: OneOf has more than one …"
        69,  # ARGUMENT_OUT_OF_BOUND
        117,  # INCORRECT_DATA
        128,  # TOO_LARGE_ARRAY_SIZE
        131,  # TOO_LARGE_STRING_SIZE
        436,  # PROTOBUF_BAD_CAST: an int32 that was written with more than 32 bits
        444,  # UNKNOWN_PROTOBUF_FORMAT: "Protobuf messages are corrupted …"
    }
)
# Codes that may pass: load, time, parts, connections, replicas, shutdown.
MEMORY_LIMIT_EXCEEDED = 241
RETRYABLE_CODES = frozenset(
    {
        3,  # UNEXPECTED_END_OF_FILE
        23,  # CANNOT_READ_FROM_ISTREAM
        74,  # CANNOT_READ_FROM_FILE_DESCRIPTOR
        75,  # CANNOT_WRITE_TO_FILE_DESCRIPTOR
        76,  # CANNOT_OPEN_FILE
        77,  # CANNOT_CLOSE_FILE
        95,  # CANNOT_READ_FROM_SOCKET
        96,  # CANNOT_WRITE_TO_SOCKET
        159,  # TIMEOUT_EXCEEDED
        164,  # READONLY
        173,  # CANNOT_ALLOCATE_MEMORY
        198,  # DNS_ERROR
        201,  # QUOTA_EXCEEDED
        202,  # TOO_MANY_SIMULTANEOUS_QUERIES
        203,  # NO_FREE_CONNECTION
        204,  # CANNOT_FSYNC
        209,  # SOCKET_TIMEOUT
        210,  # NETWORK_ERROR
        225,  # NO_ZOOKEEPER
        236,  # ABORTED
        242,  # TABLE_IS_READ_ONLY
        243,  # NOT_ENOUGH_SPACE
        252,  # TOO_MANY_PARTS
        279,  # ALL_CONNECTION_TRIES_FAILED
        285,  # TOO_FEW_LIVE_REPLICAS
        286,  # UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
        319,  # UNKNOWN_STATUS_OF_INSERT
        394,  # QUERY_WAS_CANCELLED
        425,  # SYSTEM_ERROR
        439,  # CANNOT_SCHEDULE_TASK
        473,  # DEADLOCK_AVOIDED
        499,  # S3_ERROR
        999,  # KEEPER_EXCEPTION
    }
)


class Store:
    """
    Statements for one ClickHouse database. Safe to use from many tasks at once.

    Connecting waits until the first statement, and is tried again with every statement that finds
    no connection: a store that is away is a StoreUnavailable, whenever it happens.
    """

    def __init__(self, config: StoreConfig) -> None:
        self._config = config
        self._address = config.url or f"http://{config.endpoint}"
        self._client: AsyncClient | None = None
        self._connecting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._client is not None:
            await self._client.close()

    async def query(
        self, sql: str, parameters: Mapping[str, Any] | None = None
    ) -> Sequence[tuple[Any, ...]]:
        """
        Return the rows of a SELECT.

        Raises:
            StoreUnavailable: worth another try.
            StoreRefused: the statement is wrong.
        """
        client = await self._connected()
        try:
            result = await client.query(sql, parameters=dict(parameters or {}))
        except _VENDOR_ERRORS as error:
            raise _translated(error, self._address) from error
        return [tuple(row) for row in result.result_rows]

    async def execute(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        body: bytes | None = None,
        settings: Mapping[str, str | int] | None = None,
    ) -> None:
        """
        Run a statement that returns no rows, `body` being the data of an INSERT … FORMAT.

        Raises:
            UnreadableRecords: the engine cannot parse `body`.
            StoreUnavailable: worth another try. The statement may have been carried out.
            StoreRefused: the statement is wrong.
        """
        client = await self._connected()
        try:
            await client.command(
                sql,
                parameters=dict(parameters or {}),
                data=None if body is None else _Rows(body),
                settings=dict(settings or {}),
            )
        except _VENDOR_ERRORS as error:
            raise _translated(error, self._address) from error

    async def _connected(self) -> AsyncClient:
        async with self._connecting:
            if self._client is None:
                self._client = await _connect(self._config, self._address)
            return self._client


class _Rows(bytes):
    """
    The data of an insert. clickhouse-connect decodes it whole, on the event loop, to see whether it
    is a SELECT and so worth a retry: 100 ms for 16 MiB.
    """

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:  # noqa: ARG002
        return ""


async def _connect(config: StoreConfig, address: str) -> AsyncClient:
    checks.refuse(checks.store_url(config))
    url = urlsplit(config.url or f"http://{config.endpoint}")
    try:
        return await clickhouse_connect.get_async_client(
            interface=url.scheme,
            host=url.hostname or "",
            port=url.port or (8443 if url.scheme == "https" else 8123),
            username=config.user,
            password=config.password.get_secret_value(),
            database=config.database,
            send_receive_timeout=config.timeout_seconds,
            connect_timeout=5,
            # Statements are repeated by their callers, who know whether that is safe.
            query_retries=0,
            # Sessions would serialise the statements of one client.
            autogenerate_session_id=False,
            # Both ends usually share a machine; ours are bodies that the engine must unpack.
            compress=False,
        )
    except _VENDOR_ERRORS as error:
        raise _translated(error, address) from error


_VENDOR_ERRORS = (ClickHouseError, aiohttp.ClientError, TimeoutError, OSError)


def _translated(error: Exception, address: str) -> PipelineError:
    """Return our error for one of clickhouse-connect's, by ClickHouse's code and nothing else."""
    code = getattr(error, "code", None) or 0
    message = str(error).strip() or type(error).__name__
    if code in UNREADABLE_CODES:
        return UnreadableRecords(message, code=code)
    if code == MEMORY_LIMIT_EXCEEDED:
        return StoreOutOfMemory(message)
    if code in RETRYABLE_CODES:
        return StoreUnavailable(message)
    # Without a code the server was not reached, or its answer was not understood.
    if code == 0:
        return StoreUnavailable(f"ClickHouse at {address}: {_network_trouble(error) or message}")
    return StoreRefused(message, code=code)


def _network_trouble(error: Exception) -> str | None:
    """Return the system's own word for why there is no connection, if that is what it is."""
    cause = error.__cause__
    if not isinstance(cause, aiohttp.ClientConnectorError):
        return None
    number = cause.os_error.errno
    # Name resolution has numbers of its own, which are negative, and says it well.
    return os.strerror(number) if number and number > 0 else cause.os_error.strerror
