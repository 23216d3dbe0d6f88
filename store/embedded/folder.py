"""
The folder that holds everything stored, owned by one process at a time.

The lock is the kernel's: it goes with the process that holds it, however that process ends.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

from runtime.errors import ConfigError


def own(folder: Path) -> IO[str]:
    """Make this process the owner of `folder`, for as long as the returned file stays open."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = (folder / "lock").open("a+", encoding="ascii")
    except OSError as error:
        raise ConfigError(f"The store's folder {folder} cannot be used: {error}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with lock:
            lock.seek(0)
            owner = lock.read().strip() or "unknown"
        raise ConfigError(
            f"The store's folder {folder} is in use by another process (pid {owner}). Stop that "
            "process, or give this one a folder of its own."
        ) from None
    lock.truncate(0)
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock
