"""What is told of a process that cannot start."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import IO

import pytest

from cli.child import Child
from runtime.errors import ConfigError


def _child(says: str, output: IO[bytes] | None) -> Child:
    code = f"import sys; print({says!r}); sys.exit(2)"
    command = [sys.executable, "-c", code]
    return Child("ingest", lambda: command, stop_seconds_max=1.0, output=output)


async def test_why_it_cannot_start_is_told_where_its_lines_are_not_seen(tmp_path: Path) -> None:
    """On a terminal they go to a file."""
    says = '{"event": "stopped"}\nsessiontrail: the port is taken'
    with (
        (tmp_path / "ingest.log").open("wb") as output,
        pytest.raises(ConfigError, match=r"^ingest cannot start: the port is taken$"),
    ):
        await _child(says, output).keep_running()


async def test_a_silent_end_names_the_file(tmp_path: Path) -> None:
    """There may be more in it, of somebody else's."""
    file = tmp_path / "ingest.log"
    with (
        file.open("wb") as output,
        pytest.raises(ConfigError, match=f"^ingest cannot start; see {file}$"),
    ):
        await _child("Segmentation fault", output).keep_running()


async def test_lines_that_were_seen_are_not_told_twice() -> None:
    """They are above the message."""
    with pytest.raises(ConfigError, match=r"^ingest cannot start; see its message above$"):
        await _child("sessiontrail: the port is taken", None).keep_running()
