"""Fetches Apache Kafka from Maven Central, once for each machine."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

POM = Path(__file__).parent / "pom.xml"


def cache_folder() -> Path:
    """Return where tests keep what they fetch and build, for the next run."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "sessiontrail-tests"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def require(command: str, *, package: str) -> None:
    """
    Fail unless a command is installed. Not a skip: without it promises would go untested unseen.

    Raises:
        RuntimeError: it is not; the message says what to install.
    """
    if shutil.which(command) is None:
        raise RuntimeError(
            f"The tests need '{command}'. Install it, on Debian: apt install {package}"
        )


def jars() -> Path:
    """
    Return the folder that holds Kafka's jars (43 MB), after fetching them if it is not there.

    Raises:
        RuntimeError: Java or Maven is not installed.
        CalledProcessError: Maven could not fetch them; it has printed why.
    """
    require("java", package="default-jre-headless")
    require("mvn", package="maven")
    # A changed pom is another folder.
    folder = cache_folder() / f"kafka-{hashlib.sha256(POM.read_bytes()).hexdigest()[:12]}"
    with (cache_folder() / "kafka.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # another test run may be fetching them right now
        if not folder.exists():
            _fetch(folder)
    return folder


def _fetch(folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:
        fetched = Path(temporary) / "jars"
        goal = ["dependency:copy-dependencies", "-DincludeScope=runtime"]
        subprocess.run(
            ["mvn", "-q", "-B", "-f", POM, *goal, f"-DoutputDirectory={fetched}"], check=True
        )
        fetched.rename(folder)
