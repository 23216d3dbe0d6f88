"""The signals of OTLP that are stored."""

from __future__ import annotations

from typing import Literal

SignalName = Literal["traces", "logs"]  # as in the paths of OTLP/HTTP
