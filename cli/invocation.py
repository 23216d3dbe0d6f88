"""How this command was called: enough to load the settings, and to call another one alike."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from runtime import settings
from runtime.config import Config
from runtime.settings import Settings


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """The options that say where settings come from."""

    file: Path | None
    assignments: tuple[str, ...]

    @cached_property
    def settings(self) -> Settings:
        """The settings, where they were given, and what is wrong with them."""
        return settings.read(file=self.file, assignments=self.assignments)

    @property
    def config(self) -> Config:
        """The settings in force. Raises ConfigError where there are problems."""
        return self.settings.in_force()

    def command_line(self, command: str, *assignments: str) -> list[str]:
        """Return the command line of another of our commands with these settings, and more."""
        given = [f"--set={assignment}" for assignment in (*self.assignments, *assignments)]
        file = [f"--config={self.file}"] if self.file else []
        # -P: a folder that happens to be called cli must not be taken for ours.
        return [sys.executable, "-P", "-m", "cli.main", command, *file, *given]
