"""Fetches Apache Kafka from Maven Central, once for each machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.cache import cached, require

POM = Path(__file__).parent / "pom.xml"


def jars() -> Path:
    """
    Return the folder that holds Kafka's jars (43 MB), after fetching them if it is not there.

    Raises:
        RuntimeError: Java or Maven is not installed.
        CalledProcessError: Maven could not fetch them; it has printed why.
    """
    require("java", package="default-jre-headless")
    require("mvn", package="maven")
    return cached("kafka", POM, _fetch)


def _fetch(folder: Path) -> Path:
    jars = folder / "jars"
    options = ["-DincludeScope=runtime", f"-DoutputDirectory={jars}"]
    subprocess.run(
        ["mvn", "-q", "-B", "-f", POM, "dependency:copy-dependencies", *options], check=True
    )
    return jars
