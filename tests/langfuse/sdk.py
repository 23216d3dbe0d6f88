"""Langfuse's SDKs: one version is installed for the tests, the others in folders apart."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.cache import cached

HERE = Path(__file__).parent
INSTALLED = 3
VERSIONS = (INSTALLED, 4, 5)


def run(
    version: int, *, host: str, run_id: str, keys: tuple[str, str] = ("pk", "sk")
) -> dict[str, Any]:
    """
    Run program.py with one version of the SDK, pointed at a host with a pair of keys, and return
    what it read back.

    Raises:
        CalledProcessError: it failed; its traceback was printed.
    """
    environment = {
        **os.environ,
        "LANGFUSE_HOST": host,
        "LANGFUSE_PUBLIC_KEY": keys[0],
        "LANGFUSE_SECRET_KEY": keys[1],
    }
    options: list[str] = []
    if version != INSTALLED:
        options = ["-S"]  # nothing of the tests' own packages
        environment["PYTHONPATH"] = str(folder(version))
    command = [sys.executable, *options, str(HERE / "program.py"), str(version), run_id]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, timeout=120)
    read: dict[str, Any] = json.loads(done.stdout)
    return read


def folder(version: int) -> Path:
    """Return the folder of an SDK, after installing it there if need be."""
    recipe = HERE / f"sdk-{version}.txt"

    def install(temporary: Path) -> Path:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", "packages"]
        subprocess.run([*command, "--requirement", recipe], cwd=temporary, check=True)
        return temporary / "packages"

    return cached(f"langfuse-{version}", recipe, install)
