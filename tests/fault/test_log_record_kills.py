"""Log records are kept through kills as spans are: none is lost, and none is there twice."""

from __future__ import annotations

import itertools
import os
import random
import threading
import time
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path

import pytest

from tests import processes
from tests.samples import log_record, log_request, text

KILLS = int(os.environ.get("KILLS", "9"))
SEED = int(os.environ.get("KILL_SEED", str(random.randrange(2**32))))


class Sender:
    """Sends log records, each again until it is acknowledged and sometimes once more."""

    def __init__(self, url: str, name: str) -> None:
        self.acknowledged: list[str] = []
        self._url, self._name = url, name
        self._dice = random.Random(f"{SEED}-{name}")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._send_all, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop once the request under way is acknowledged."""
        self._stop.set()
        self._thread.join(timeout=120)
        assert not self._thread.is_alive(), "a sender was never acknowledged"

    def _send_all(self) -> None:
        for number in itertools.count():
            if self._stop.is_set():
                return
            bodies = [f"{self._name} {number} {n}" for n in range(self._dice.randint(1, 50))]
            now_ns = time.time_ns()
            records = [log_record(now_ns, body=text(body)) for body in bodies]
            value = log_request(*records).SerializeToString()
            for _ in range(self._dice.choice((1, 1, 2))):
                while not self._send(value):
                    time.sleep(0.2)
            self.acknowledged += bodies

    def _send(self, value: bytes) -> bool:
        headers = {"Content-Type": "application/x-protobuf"}
        request = urllib.request.Request(f"{self._url}/v1/logs", data=value, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return bool(response.read() == b"")
        except urllib.error.HTTPError as error:
            error.close()
            return False
        except (OSError, urllib.error.URLError):
            return False


@pytest.mark.fault
@pytest.mark.timeout(600)
def test_kills_lose_no_log_record_and_double_none(tmp_path: Path) -> None:
    """Worker, store and ingest die in turn while log records flow."""
    print(f"KILL_SEED={SEED}")
    dice = random.Random(SEED)
    with processes.pipeline(tmp_path) as running:
        senders = [Sender(running.http, name) for name in ("a", "b")]
        for child in itertools.islice(itertools.cycle(["worker", "store", "ingest"]), KILLS):
            time.sleep(dice.uniform(0.0, 2.0))
            processes.wait_until(partial(running.kill, child), what=f"{child} runs")
        for sender in senders:
            sender.stop()
        processes.wait_until(running.is_ready, what="the pipeline is ready again")
        acknowledged = [body for sender in senders for body in sender.acknowledged]
        print(f"acknowledged {len(acknowledged)}")
        running.wait_for_log_records("default", len(acknowledged), seconds_max=120)
        stored = [body for (body,) in running.store.query("SELECT Body FROM logs")]
        assert sorted(stored) == sorted(acknowledged)
        assert running.stop() == 0
