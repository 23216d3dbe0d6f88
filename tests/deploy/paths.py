"""Where what is tested here lies."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
DEPLOY = ROOT / "deploy"
CONFIGS = DEPLOY / "config"
# The tools of the environment that runs the tests.
BIN = Path(sys.executable).parent
