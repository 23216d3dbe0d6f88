"""`sessiontrail demo`: its sessions are where it says, and who has no key is told what to do."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

from runtime import keys
from tests import processes


def demo(
    running: processes.Pipeline, *, authorization: str = "", data_dir: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Send the demo to a pipeline, as an exporter with this header does."""
    headers = {"OTEL_EXPORTER_OTLP_HEADERS": f"authorization={authorization}"}
    config = running.config
    return subprocess.run(
        [processes.COMMAND, "demo", f"--data-dir={data_dir or running.folder}",
         f"--set=ingest.grpc.endpoint={config.ingest.grpc.endpoint}",
         f"--set=store.endpoint={config.store.endpoint}",
         f"--set=query.endpoint={config.query.endpoint}"],
        env=os.environ | (headers if authorization else {}),
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def statements(told: str) -> list[str]:
    """Return the SQL that is printed."""
    return re.findall(r'--data-binary "(.*?) FORMAT PrettyCompact"', told)


def test_the_demo_is_in_the_project_of_its_key(tmp_path: Path) -> None:
    """Its statements find what was sent; without a key it asks for one."""
    key = keys.create(tmp_path / "keys.json", project="shop", role="editor", name="")
    bearer = f"Bearer%20{key.secret}"
    with processes.pipeline(tmp_path) as running:
        refused = demo(running)
        assert refused.returncode == 1
        assert "UNAUTHENTICATED" in refused.stderr
        assert "OTEL_EXPORTER_OTLP_HEADERS" in refused.stderr.splitlines()[-1]
        sent = demo(running, authorization=bearer)
        assert f"{running.pages}/sessions?project=shop\n" in sent.stdout, sent.stderr
        sessions, replay = statements(sent.stdout)
        processes.wait_until(running.is_drained, what="all is stored")
        assert len(running.store.query(sessions)) == 3
        assert running.store.query(replay)
        # The keys are on another machine.
        elsewhere = demo(running, authorization=bearer, data_dir=tmp_path / "elsewhere")
        assert "PROJECT below is the project of your key" in elsewhere.stdout
        assert all("'PROJECT'" in statement for statement in statements(elsewhere.stdout))


def test_the_demo_without_keys_is_in_default(tmp_path: Path) -> None:
    """As all spans are then."""
    with processes.pipeline(tmp_path) as running:
        sent = demo(running)
        sessions, _ = statements(sent.stdout)
        processes.wait_until(running.is_drained, what="all is stored")
        assert len(running.store.query(sessions)) == 3
        assert "Project = 'default'" in sessions
