"""Debian's Chromium, headless; installed if it is missing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from playwright.sync_api import Browser, Playwright

CHROMIUM = Path("/usr/bin/chromium")
_PACKAGES = ("chromium", "fonts-noto-color-emoji", "fonts-noto-core", "fonts-droid-fallback")


def launch(playwright: Playwright) -> Browser:
    """
    Start a browser.

    Raises:
        RuntimeError: there is none and we may not install it; the message says what to install.
    """
    if not CHROMIUM.exists():
        _install()
    # Chromium's sandbox needs what containers do not grant.
    return playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


def _install() -> None:
    if os.geteuid() != 0:
        packages = " ".join(_PACKAGES)
        raise RuntimeError(f"The tests need {CHROMIUM}. On Debian: 'sudo apt install {packages}'.")
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "-qq", "update"],
        ["apt-get", "-qq", "install", "-y", "--no-install-recommends", *_PACKAGES],
    ):
        subprocess.run(command, env=quiet, check=True)
