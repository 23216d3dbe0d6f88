"""Small files that only their owner may read, and that nobody ever sees half written."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def replace(path: Path, content: bytes) -> None:
    """Put `content` in the place of whatever is there."""
    with _written(path, content) as written:
        written.replace(path.resolve())


def create(path: Path, content: bytes) -> bool:
    """Put `content` there unless there is something; return whether this was the one to do so."""
    with _written(path, content) as written:
        try:
            path.hardlink_to(written)
        except FileExistsError:
            return False
    return True


@contextmanager
def _written(path: Path, content: bytes) -> Iterator[Path]:
    """Yield another file of that content, on the same disk, which is gone in the end."""
    folder = path.resolve().parent
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield Path(name)
        _sync(folder)
    finally:
        Path(name).unlink(missing_ok=True)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
