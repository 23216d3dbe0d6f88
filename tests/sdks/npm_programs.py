"""Programs that use SDKs from npm, each in an environment of its own, as their own docs say."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.cache import cached, require

PROGRAMS = Path(__file__).parent / "npm"


def run(
    name: str, folder: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> None:
    """
    Run the program of an environment, in a folder of this run.

    Raises:
        RuntimeError: Node.js or npm is not installed.
        CalledProcessError: it failed, and has printed why.
    """
    require("node", package="nodejs")
    # Packages are looked for beside the program, wherever that really is.
    (folder / "node_modules").symlink_to(_packages(name))
    program = shutil.copy(PROGRAMS / name / "program.mjs", folder)
    subprocess.run(
        ["node", program, *arguments],
        env={**os.environ, **(environment or {})},
        check=True,
        timeout=60,
    )


def _packages(name: str) -> Path:
    """Return the packages of an environment, after installing what its lock file says."""
    require("npm", package="npm")
    recipe = PROGRAMS / name / "package-lock.json"

    def install(temporary: Path) -> Path:
        made = temporary / "made"
        made.mkdir()
        for file in (recipe, recipe.with_name("package.json")):
            shutil.copy(file, made)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(command, cwd=made, check=True)
        return made

    return cached(f"npm-{name}", recipe, install) / "node_modules"
