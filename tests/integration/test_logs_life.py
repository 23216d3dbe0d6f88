"""Log records that end a session, are deleted with it, and expire."""

from __future__ import annotations

import secrets
import subprocess
import time

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from buffer.port import ConsumedRecord, Record
from runtime.config import SESSION_KEYS, RetentionConfig, SessionsConfig, TimesConfig
from runtime.errors import NotFound
from schemas.envelope import Envelope
from schemas.erasing import Erased, Erasing
from schemas.otlp.logs import Logs
from store.client import Store
from tests import otlp, processes
from tests.exactness import ErasingAt
from tests.integration.test_deletion import assert_gone, span, work
from tests.integration.test_retention import aged
from tests.query import app_client
from workers.batch import Batch
from workers.housekeeping import Housekeeping
from workers.inserter import Inserter
from workers.resolver import Resolver

_LOGS = Logs(SESSION_KEYS)


async def work_logs(
    store: Store,
    project: str,
    *,
    trace: int = 0,
    session: str = "",
    event: str = "",
    time_ns: int,
    received_ns: int,
) -> None:
    """Do what a worker does with one log record."""
    request = ExportLogsServiceRequest()
    record = (
        request.resource_logs.add()
        .scope_logs.add()
        .log_records.add(
            time_unix_nano=time_ns,
            event_name=event,
            trace_id=bytes.fromhex(f"{trace:032x}") if trace else b"",
            attributes=otlp.key_values({"session.id": session} if session else {}),
        )
    )
    record.body.string_value = "logged"
    envelope = Envelope(project=project, received_ns=received_ns, spans=1)
    consumed = ConsumedRecord(
        partition=0,
        offset=0,
        appended_at_ns=0,
        record=Record(value=request.SerializeToString(), headers=envelope.to_headers()),
    )
    batch = Batch.of([consumed], _LOGS)
    await Inserter(store, _LOGS, sessions=SessionsConfig(), times=TimesConfig()).insert(batch)
    await Erasing(store).erase_deleted(batch.id, received_ns=received_ns)
    await Resolver(store).resolve(batch.id)


def stored(store: processes.Store, project: str) -> int:
    """Return how many log records a project has."""
    where = {"project": project}
    [[count]] = store.query("SELECT count() FROM logs WHERE Project = {project:String}", where)
    return int(count)


def delete_by_command(store: processes.Store, project: str, session_id: str) -> str:
    """Say yes to deleting a session, and return what is answered."""
    return subprocess.run(
        [processes.COMMAND, "delete", f"--project={project}", f"--session={session_id}",
         f"--set=store.endpoint={store.address}"],
        input="y\n", capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip


@pytest.mark.parametrize("log_first", [True, False])
async def test_a_log_record_ends_a_session(store: processes.Store, log_first: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """In either order, as an event of a span does."""
    project = f"logs-{secrets.token_hex(4)}"
    one = span(1, 1, "s")
    async with Store(store.config) as client:

        async def log_end() -> None:
            await work_logs(
                client, project, session="s", event="session.end",
                time_ns=one.end_ns, received_ns=one.end_ns,
            )  # fmt: skip

        if log_first:
            await log_end()
        await work(client, project, [one])
        if not log_first:
            await log_end()
        query = "SELECT Status FROM sessions WHERE Project = {project:String}"
        assert store.query(query, {"project": project}) == [("ended",)]
        await work(client, project, [span(2, 9, "s")])
        assert store.query(query, {"project": project}) == [("idle",)]


async def test_log_records_are_deleted_with_session_and_trace(store: processes.Store) -> None:
    """By session id and by trace id; and when they come once more."""
    project = f"logs-{secrets.token_hex(4)}"
    one = span(1, 1, "a")
    async with Store(store.config) as client:

        async def log_all() -> None:
            for trace, session in ((1, ""), (0, "a"), (3, "")):
                await work_logs(
                    client, project, trace=trace, session=session,
                    time_ns=one.start_ns, received_ns=one.received_ns,
                )  # fmt: skip

        await work(client, project, [one])
        await log_all()
        assert stored(store, project) == 3
        erasing = ErasingAt(client, one.received_ns + 10**9)
        await erasing.delete_session(project, "a", author="ada")
        assert stored(store, project) == 1
        await log_all()
        assert stored(store, project) == 1
        assert_gone(store, project, f"{1:032x}")


async def test_log_records_of_no_span_are_deleted(store: processes.Store) -> None:
    """By command and API, with the end that they say; others' stay, and none comes back."""
    project, trace_id = f"logs-{secrets.token_hex(4)}", f"{7:032x}"
    where = {"project": project}
    one = span(1, 1)
    async with Store(store.config) as client, app_client(store.config) as api:

        async def log_all() -> None:
            for trace, session, event in (
                *((0, "chat-17", ""), (2, "chat-17", "session.end")),
                *((7, "", ""), (0, "chat-18", ""), (0, "chat-19", "")),
            ):
                await work_logs(
                    client, project, trace=trace, session=session, event=event,
                    time_ns=one.start_ns, received_ns=one.received_ns,
                )  # fmt: skip

        await log_all()
        erasing = ErasingAt(client, one.received_ns + 10**9)
        with pytest.raises(NotFound):
            await erasing.delete_session(f"{project}-2", "chat-17", author="ada")
        erased = await erasing.delete_session(project, "chat-17", author="ada")
        assert erased == Erased(traces=0, spans=0, logs=2)
        assert_gone(store, project, "chat-17")
        erased = await erasing.delete_trace(project, trace_id, author="ada")
        assert erased == Erased(traces=1, spans=0, logs=1)
        assert_gone(store, project, trace_id)
        assert stored(store, project) == 2
        await log_all()
        assert stored(store, project) == 2
        asked = {**where, "session_id": "chat-18"}
        answer = await api.delete("/api/v1/sessions", params=asked)
        assert (answer.status_code, answer.json()) == (200, {"traces": 0, "spans": 0, "logs": 1})
        assert (await api.delete("/api/v1/sessions", params=asked)).status_code == 404
    said = delete_by_command(store, project, "chat-19")
    assert said == "deleted session 'chat-19' (traces: 0, spans: 0, logs: 1)\n"
    assert stored(store, project) == 0


async def test_log_records_expire(store: processes.Store) -> None:
    """With their trace; without one by their own time."""
    project = f"logs-{secrets.token_hex(4)}"
    now_ns = time.time_ns()
    old_ns = now_ns - 50 * 3600 * 10**9
    async with Store(store.config) as client:
        await work(client, project, [aged(span(1, 1, "a"), 50)])
        await work(client, project, [aged(span(2, 1, "a"), 1)])
        for trace, time_ns in ((1, now_ns), (2, old_ns), (0, old_ns), (0, now_ns)):
            await work_logs(
                client, project, trace=trace, session="a", time_ns=time_ns, received_ns=now_ns
            )
        await Housekeeping(client, RetentionConfig(projects={project: 1.0})).do_pass()
    left = store.query(
        "SELECT TraceId, toUnixTimestamp64Nano(Timestamp) FROM logs"
        " WHERE Project = {project:String} ORDER BY TraceId",
        {"project": project},
    )
    assert left == [("", now_ns), (f"{2:032x}", old_ns)]
