"""A worker that kills itself right after one of its steps: `python -m … STEP --set key=value …`."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from cli import main
from workers.pipeline import Pipeline


def crash_after(step: str) -> None:
    """Let the process die by SIGKILL as soon as `step` is done for a batch of records."""
    until_done = Pipeline._until_done

    async def until_done_and_over(self: Pipeline, stage: str, attempt: Any, *arguments: Any) -> Any:
        result = await until_done(self, stage, attempt, *arguments)
        if stage == step and (result or stage != "consume"):
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    Pipeline._until_done = until_done_and_over  # type: ignore[method-assign]


if __name__ == "__main__":
    crash_after(sys.argv[1])
    main.cli(["worker", *sys.argv[2:]])
