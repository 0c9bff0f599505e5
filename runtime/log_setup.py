"""Set-up of the processes' own logs (structlog to standard error). They are not the audit log."""

import logging
import sys

import structlog

from runtime.log_budget import LogBudget


def set_up_logging(level: str, process: str, is_bounded: bool = False) -> None:
    """Makes this process log one line per event, as key=value pairs, with the process's name.

    `is_bounded`: strangers can cause events, so each event writes a bounded number of lines (`runtime.log_budget`).
    """
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(asctime)s %(name)s %(message)s")
    budget = LogBudget()
    if is_bounded:
        for handler in logging.getLogger().handlers:
            handler.addFilter(budget.of_logging)
    structlog.configure(
        processors=[
            *([budget.of_structlog] if is_bounded else []),
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "process", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)
