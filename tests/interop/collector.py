"""
The real OpenTelemetry Collector: built with its own builder, once for each machine, and run with
one pipeline for traces.

The first build takes four minutes on two cores, nearly all of it Go's compiler.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from tests import guard, processes
from tests.cache import cached, require

MANIFEST = Path(__file__).parent / "builder.yaml"
BUILDER = "go.opentelemetry.io/collector/cmd/builder@v0.161.0"
_STOP_SECONDS_MAX = 30.0


def binary() -> Path:
    """
    Return the Collector's program (44 MB), after building it if it is not there.

    Raises:
        RuntimeError: Go is not installed.
        CalledProcessError: it could not be built; the builder has printed why.
    """
    require("go", package="golang")
    return cached("otelcol", MANIFEST, _build)


def _build(folder: Path) -> Path:
    subprocess.run(
        ["go", "run", BUILDER, f"--config={MANIFEST}", "--skip-strict-versioning"],
        cwd=folder,
        check=True,
    )
    return folder / "build" / "otelcol"


@contextmanager
def run(
    folder: Path, *, receiver: Mapping[str, Any], exporter: Mapping[str, Any]
) -> Iterator[None]:
    """
    Run a Collector that hands traces from a receiver to an exporter, each given as its name and its
    settings, and stop it in order: what it has in hand is written.
    """
    [received_by], [exported_by] = receiver, exporter
    config = {
        "receivers": dict(receiver),
        "exporters": dict(exporter),
        "service": {
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {"traces": {"receivers": [received_by], "exporters": [exported_by]}},
        },
    }
    written = folder / "collector.yaml"
    written.write_text(yaml.safe_dump(config), encoding="utf-8")
    log = folder / "collector.log"
    process = guard.start([str(binary()), f"--config={written}"], folder=folder, log=log)
    try:
        processes.wait_until(lambda: _is_ready(process, log), what="the Collector is ready")
        yield
        process.terminate()
        assert process.wait(_STOP_SECONDS_MAX) == 0
    finally:
        guard.kill(process)
        print(log.read_text())


def _is_ready(process: subprocess.Popen[bytes], log: Path) -> bool:
    said = log.read_text()
    assert process.poll() is None, said
    return "Everything is ready" in said
