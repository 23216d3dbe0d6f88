"""A guard over what a test starts: nothing outlives the tests, however they end."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

# Kills the command when our end of its stdin closes, which the system does even when we are killed.
# The command takes the shell's place, so that its process id is the one we know. (Linux's
# PR_SET_PDEATHSIG would not do: it goes by the thread that forked, and tests start processes from
# threads that end before the session does.) A line on its stdin dismisses the guard.
_SCRIPT = 'exec 3<&0; { read -r _ <&3 || kill -9 $$; } & exec "$@" </dev/null 3<&-'


def start(command: Sequence[str], *, folder: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start a command in a folder; what it says is appended to `log`."""
    with log.open("ab") as file:
        return subprocess.Popen(
            ["sh", "-c", _SCRIPT, "guard", *command],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=file,
            stderr=file,
            start_new_session=True,  # Ctrl-C is pytest's to handle
        )


def kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that was started here, if it still runs, and return when it is gone."""
    process.kill()
    process.communicate(b"\n")
