"""
Processes that are one to the outside: they share their ports, and whichever is asked for metrics
tells the sum of all.

Each member keeps its values in files of one folder (prometheus_client's multi-process mode). A
process that is no member has nothing to do with any of it.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from prometheus_client import CollectorRegistry, multiprocess, values

_NAME = "_MEMBER_NAME"
_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client's own
_PREFIX = "sessiontrail-metrics-"


@contextmanager
def shared_folder() -> Iterator[Path]:
    """
    Yield a folder for members to share, which is gone afterwards.

    A parent that is killed cannot remove its own. So it holds a lock on it, which ends with it
    however it ends, and whoever comes next removes what nobody holds.
    """
    _remove_left_behind()
    path, lock = _locked_folder()
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(lock)


def _locked_folder() -> tuple[Path, int]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        # Before the lock is ours another start may take the folder for one that was left behind.
        with suppress(FileNotFoundError):
            lock = os.open(path, os.O_RDONLY)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if path.exists():
                return path, lock
            os.close(lock)


def _remove_left_behind() -> None:
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):  # another user's, or one that is in use or just went
            lock = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path)
            finally:
                os.close(lock)


def environment(name: str, folder: Path) -> Mapping[str, str]:
    """Return the variables that make a process the member `name` of those that share `folder`."""
    return {_NAME: name, _FOLDER: str(folder)}


def own_name() -> str | None:
    """Return which member this process is; None for one that is on its own."""
    return os.environ.get(_NAME)


def use_own_files() -> None:
    """
    Keep this member's values under its name. To be called before the first metric is declared.

    By default it would be the process id. With its name, a member that is started again goes on
    with its own values: no counter goes back, and there are never more files than members.
    """
    if name := own_name():
        values.ValueClass = values.MultiProcessValue(lambda: name)


def exposed(own: CollectorRegistry) -> CollectorRegistry:
    """Return what /metrics tells: the own values, or those of all members together."""
    if own_name() is None:
        return own
    together = CollectorRegistry()
    multiprocess.MultiProcessCollector(together)
    return together


def ended(name: str, folder: Path) -> None:
    """Let go of what a member had in hand when it ended; what it counted stays."""
    multiprocess.mark_process_dead(name, str(folder))
