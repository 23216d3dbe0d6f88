"""
telemetrygen, the load generator of the OpenTelemetry Collector's makers: Go's SDK and exporters,
built once for each machine.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.cache import cached, require

PACKAGE = "github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen@v0.161.0"


def send_traces(*options: str) -> None:
    """
    Send traces, and return once all are acknowledged.

    Raises:
        RuntimeError: Go is not installed.
        CalledProcessError: it could not be built, or an export failed; why is printed.
    """
    require("go", package="golang")
    program = cached("telemetrygen", Path(__file__), _build)
    subprocess.run([program, "traces", "--otlp-insecure", *options], check=True, timeout=120)


def _build(folder: Path) -> Path:
    environment = {**os.environ, "GOBIN": str(folder)}
    subprocess.run(["go", "install", PACKAGE], env=environment, check=True)
    return folder / "telemetrygen"
