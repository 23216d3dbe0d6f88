"""Several receiver processes on the same ports: one pipeline to the outside, and never two."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import threading
import time
from contextlib import ExitStack, closing, suppress
from functools import partial
from pathlib import Path

import grpc
import psutil
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from cli.receivers import _claim
from runtime.errors import ConfigError
from runtime.section import HostPort
from tests import processes
from tests.load import Load
from tests.samples import request, span

SEED = int(os.environ.get("KILL_SEED", str(random.randrange(2**32))))
ACCEPTED = "otelcol_receiver_accepted_spans_total"
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
BODY = request(span(1)).SerializeToString()
CONNECTIONS = 48  # that one of three processes gets none of them happens once in 100 million


def test_every_process_receives_and_each_tells_the_sum(tmp_path: Path) -> None:
    """Connections are spread, and /metrics is the same whichever process answers."""
    with processes.ingest(tmp_path, processes=3) as ingest, ExitStack() as open_channels:
        processes.wait_until(lambda: _listening(ingest) == 3, what="all three listen")
        for _ in range(CONNECTIONS):
            channel = grpc.insecure_channel(
                ingest.grpc, options=[("grpc.use_local_subchannel_pool", 1)]
            )
            assert open_channels.enter_context(channel).unary_unary(EXPORT)(BODY) == b""
        for member in ingest.members():
            assert _connections(member, ingest.grpc, psutil.CONN_ESTABLISHED)
        told = {ingest.metric(ACCEPTED) for _ in range(CONNECTIONS)}
        assert told == {CONNECTIONS}
        assert ingest.stop() == 0


def test_a_killed_process_comes_back_and_nothing_is_lost(tmp_path: Path) -> None:
    """What was acknowledged is in the log, and no counter goes back."""
    print(f"KILL_SEED={SEED}")
    dice = random.Random(SEED)
    with processes.ingest(tmp_path, processes=2) as ingest:
        load = Load(grpc_address=ingest.grpc, http_address=ingest.http, seed=SEED)
        load.start()
        accepted = [0.0]
        for _ in range(6):
            time.sleep(dice.uniform(0.2, 1.0))
            victim = dice.choice(ingest.members())
            victim.kill()
            processes.wait_until(partial(_both_listen_without, victim, ingest), what="a new one")
            accepted.append(ingest.metric(ACCEPTED))
        load.stop()
        accepted.append(ingest.metric(ACCEPTED))
        print(f"acknowledged {len(load.acknowledged)}, retries {load.retries}")
        assert accepted == sorted(accepted)
        assert accepted[-1] >= len(load.acknowledged) > 0
        assert ingest.metric("sessiontrail_ingest_inflight_bytes") == 0
        assert ingest.stop() == 0
    assert {item.span_id for item in load.acknowledged} <= _span_ids_in_log(tmp_path)


@pytest.mark.parametrize(("first", "second"), [(1, 2), (2, 1), (2, 2)])
@pytest.mark.parametrize("shared", ["grpc", "http"])
def test_a_second_pipeline_is_refused(tmp_path: Path, first: int, second: int, shared: str) -> None:
    """Two pipelines on one port would each get some of the spans."""
    with processes.ingest(tmp_path / "first", processes=first) as ingest:
        addresses = {"grpc": "127.0.0.1:0", "http": "127.0.0.1:0"}
        addresses[shared] = {"grpc": ingest.grpc, "http": ingest.http.partition("//")[2]}[shared]
        other = subprocess.run(
            processes.ingest_command(tmp_path / "second", processes=second, **addresses),
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert other.returncode == 2
    assert f"ingest.{shared}.endpoint: cannot listen on {addresses[shared]}" in other.stderr


def test_of_many_claims_at_once_one_is_granted() -> None:
    """There is no moment in which two pipelines can both find a port free."""
    for _ in range(200):
        endpoint = HostPort("127.0.0.1", processes.free_port())
        barrier = threading.Barrier(4)
        with ExitStack() as claims:
            granted: list[object] = []

            def claim(
                claims: ExitStack = claims,
                endpoint: HostPort = endpoint,
                granted: list[object] = granted,
                barrier: threading.Barrier = barrier,
            ) -> None:
                barrier.wait()
                with suppress(ConfigError):
                    granted.append(claims.enter_context(_claim("key", endpoint)))

            threads = [threading.Thread(target=claim) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert len(granted) == 1


def test_settings_that_cannot_work_end_it_with_the_exit_code_for_them(tmp_path: Path) -> None:
    """A supervisor must not start it again for ever."""
    command = processes.ingest_command(tmp_path, processes=2, grpc="0.0.0.0:0", http="127.0.0.1:0")
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 2
    assert "ingest.grpc.endpoint: 0.0.0.0:" in ended.stderr


def test_processes_end_with_their_killed_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """
    Another start on the same ports finds them free at once, and removes the metrics that the first
    one left behind, but not those of a third that runs.
    """
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    with processes.ingest(tmp_path, processes=2) as ingest:
        members = ingest.members()
        ingest.process.kill()
        ingest.process.wait()
        _, alive = psutil.wait_procs(members, timeout=20)
        assert not alive
        [left_behind] = temporary.iterdir()
        ports = (_port(ingest.grpc), _port(ingest.http))
        with (
            processes.ingest(tmp_path / "third", processes=2) as third,
            processes.ingest(tmp_path, processes=2, ports=ports) as again,
        ):
            assert not left_behind.exists()
            assert len(list(temporary.iterdir())) == 2
            assert again.stop() == 0
            assert third.stop() == 0
    assert not list(temporary.iterdir())


def test_up_with_several_receivers(tmp_path: Path) -> None:
    """DIR/run/ingest.pid names their parent; when it is killed, they come back as one."""
    with processes.pipeline(tmp_path, "ingest.processes=2") as running:
        assert running.kill("ingest")
        processes.wait_until(lambda: not running.is_ready(), what="the receivers end")
        processes.wait_until(running.is_ready, what="the receivers are back")
        running.send(BODY)
        running.wait_for_spans("default", 1)
        assert running.stop() == 0


def test_readyz_names_the_buffer_that_takes_nothing(tmp_path: Path) -> None:
    """A load balancer sends elsewhere until the buffer takes records again."""
    with processes.ingest(tmp_path, processes=1) as ingest:
        buffer = tmp_path / "buffer"
        hidden = buffer.rename(tmp_path / "hidden")
        buffer.write_text("in the way of a folder")
        processes.wait_until(lambda: not ingest.is_ready(), what="ingest sees it")
        status, body = processes.answer(f"{ingest.http}/readyz")
        reasons = json.loads(body)["waiting_for"]
        assert status == 503
        assert len(reasons) == 1
        assert reasons[0].startswith("buffer: ")
        assert str(buffer) in reasons[0]
        assert processes.answer(f"{ingest.http}/healthz")[0] == 200
        buffer.unlink()
        hidden.rename(buffer)
        processes.wait_until(ingest.is_ready, what="ingest is ready again")


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


def _connections(member: psutil.Process, address: str, status: str) -> int:
    return sum(
        connection.laddr.port == _port(address) and connection.status == status
        for connection in member.net_connections("tcp")
    )


def _listening(ingest: processes.Ingest) -> int:
    return sum(
        bool(_connections(member, address, psutil.CONN_LISTEN))
        for member in ingest.members()
        for address in (ingest.grpc,)
    )


def _both_listen_without(victim: psutil.Process, ingest: processes.Ingest) -> bool:
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        return victim not in ingest.members() and _listening(ingest) == 2
    return False


def _span_ids_in_log(folder: Path) -> set[str]:
    with closing(sqlite3.connect(folder / "buffer" / "otlp_spans.db")) as log:
        values = [value for (value,) in log.execute("SELECT value FROM record")]
    return {
        item.span_id.hex()
        for value in values
        for resource in ExportTraceServiceRequest.FromString(value).resource_spans
        for scope in resource.scope_spans
        for item in scope.spans
    }
