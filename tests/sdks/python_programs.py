"""Programs that use SDKs from PyPI, each in an environment of its own, as their own docs say."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.cache import cached

PROGRAMS = Path(__file__).parent / "python"


def run(
    name: str,
    *arguments: str,
    program: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """
    Run the program of an environment, or another one in it, and return what it printed.

    Raises:
        CalledProcessError: it failed, and has printed why.
    """
    script = program or PROGRAMS / name / "program.py"
    done = subprocess.run(
        [sys.executable, "-S", str(script), *arguments],  # -S: nothing of the tests' own packages
        env={**os.environ, **(environment or {}), "PYTHONPATH": str(_packages(name))},
        stdout=subprocess.PIPE,
        check=True,
        timeout=120,
        text=True,
    )
    return done.stdout


def _packages(name: str) -> Path:
    """Return the packages of an environment, after installing what its file lists, and no more."""
    recipe = PROGRAMS / name / "requirements.txt"

    def install(temporary: Path) -> Path:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--root-user-action=ignore"]
        options = ["--no-deps", "--no-compile", "--target=packages", f"--requirement={recipe}"]
        subprocess.run([*pip, *options], cwd=temporary, check=True)
        return temporary / "packages"

    return cached(f"python-{name}", recipe, install)
