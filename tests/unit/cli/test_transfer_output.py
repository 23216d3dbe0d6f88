"""Where an export is written to, and what is said where that cannot be."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest

from cli.transfer.exporting import written_whole
from runtime.errors import ConfigError


def test_a_full_disk_behind_standard_output_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a sentence, also where the last bytes were still in memory."""
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        with (
            pytest.raises(ConfigError, match="cannot write standard output: No space left"),
            written_whole("-") as file,
        ):
            file.write(b"a line\n")
        monkeypatch.undo()
        _forget(full)


def test_a_reader_that_has_seen_enough_is_no_error_of_settings() -> None:
    """As with `| head`: the command line ends in silence."""
    with pytest.raises(BrokenPipeError), written_whole("-"):
        raise BrokenPipeError


def _forget(file: io.TextIOWrapper) -> None:
    """Let a file be closed that cannot be flushed."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, file.fileno())
    os.close(null)
