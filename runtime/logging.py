"""
Logging: structlog to standard output, JSON unless a person watches.

An event is a short past-tense name with keys; one line for each batch or failure, never for each
span.
"""

from __future__ import annotations

import logging
import sys
from typing import TextIO

import structlog
import structlog.tracebacks

from runtime.config import LogConfig

# Without the values of variables: those are what users said, and keys.
_tracebacks = structlog.processors.ExceptionRenderer(
    structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
)


def configure(config: LogConfig, *, process: str, output: TextIO | None = None) -> None:
    """
    Set up logging for the whole process, which calls itself `process` in every line. `output` is
    for commands whose standard output is what they were asked for.
    """
    output = output or sys.stdout
    as_json = config.format == "json" or (config.format == "auto" and not output.isatty())
    level = logging.getLevelNamesMapping()[config.level.upper()]
    # Libraries log through the standard module; only their warnings concern an operator.
    logging.basicConfig(level=max(level, logging.WARNING), stream=output, format="%(message)s")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            *(
                [_tracebacks, structlog.processors.JSONRenderer()]
                if as_json
                else [
                    structlog.dev.ConsoleRenderer(
                        colors=output.isatty(), exception_formatter=structlog.dev.plain_traceback
                    )
                ]
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(output),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)
