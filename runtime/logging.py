"""
Logging: structlog to standard output, JSON unless a person watches.

An event is a short past-tense name with keys; one line for each batch or failure, never for each
span.
"""

from __future__ import annotations

import logging
import sys

import structlog

from runtime.config import LogConfig


def configure(config: LogConfig, *, process: str) -> None:
    """Set up logging for the whole process, which calls itself `process` in every line."""
    as_json = config.format == "json" or (config.format == "auto" and not sys.stdout.isatty())
    level = logging.getLevelNamesMapping()[config.level.upper()]
    # Libraries log through the standard module; only their warnings concern an operator.
    logging.basicConfig(level=max(level, logging.WARNING), stream=sys.stdout, format="%(message)s")
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            *(
                [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]
                if as_json
                else [structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())]
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)
