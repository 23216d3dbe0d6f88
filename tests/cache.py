"""What tests fetch or build once for each machine, and use again in the next run."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


def cached(name: str, recipe: Path, make: Callable[[Path], Path]) -> Path:
    """
    Return what `make` makes by a recipe: a file, or a folder. It is given a folder to work in, and
    returns where in it the result is. A changed recipe makes another result.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "sessiontrail-tests"
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(recipe.read_bytes()).hexdigest()[:12]
    made = folder / f"{name}-{digest}"
    with (folder / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another test run may be making it right now
        if not made.exists():
            with tempfile.TemporaryDirectory(dir=folder) as temporary:
                make(Path(temporary)).rename(made)
    return made


def require(command: str, *, package: str) -> None:
    """
    Fail unless a command is installed. Not a skip: promises would go untested unseen.

    Raises:
        RuntimeError: it is not; the message says what to install.
    """
    if shutil.which(command) is None:
        raise RuntimeError(
            f"The tests need '{command}'. Install it, on Debian by 'apt install {package}'."
        )
