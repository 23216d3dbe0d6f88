"""Langfuse's SDKs, which send and read back: each version in its own environment of tests/sdks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.sdks import python_programs

VERSIONS = (3, 4, 5)


def run(
    version: int, *, host: str, run_id: str, keys: tuple[str, str] = ("pk", "sk")
) -> dict[str, Any]:
    """
    Run program.py with one version of the SDK, pointed at a host with a pair of keys, and return
    what it read back.

    Raises:
        CalledProcessError: it failed; its traceback was printed.
    """
    printed = python_programs.run(
        f"langfuse_{version}",
        str(version),
        run_id,
        program=Path(__file__).with_name("program.py"),
        environment={
            "LANGFUSE_HOST": host,
            "LANGFUSE_PUBLIC_KEY": keys[0],
            "LANGFUSE_SECRET_KEY": keys[1],
        },
    )
    read: dict[str, Any] = json.loads(printed)
    return read
