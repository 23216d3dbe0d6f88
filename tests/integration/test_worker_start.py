"""What keeps a worker from starting."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

from tests import processes


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    """In a line, with the setting, and not as a traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        result = subprocess.run(
            [
                processes.COMMAND,
                "worker",
                f"--data-dir={tmp_path}",
                f"--set=worker.telemetry.endpoint={address}",
            ],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    assert result.returncode == 2
    assert f"worker.telemetry.endpoint: cannot listen on {address}" in result.stderr
    assert "Traceback" not in result.stdout + result.stderr
