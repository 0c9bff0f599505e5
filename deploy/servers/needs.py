"""Disk and memory that a run needs, checked before servers start. The README states the same needs.

If the free disk space falls below RabbitMQ's limit, it silently blocks publishers; this check finds that out first.
"""

import shutil
import warnings
from pathlib import Path

import psutil

from deploy.stack.failure import StackError
from deploy.stack.paths import POSTGRES_DATA, STACK

BROKER_LIMIT_BYTES = 1_000_000_000
"""`disk_free_limit` of rabbitmq/rabbitmq.conf."""

ROOM_BYTES = 500_000_000
"""Bytes that servers write in any case: a new Postgres, its journal, logs, a small workload."""

LINE_BYTES = 2_000
"""Disk bytes per command of a load test (rows, journal, streams); measured: 1,700, with 100,000 commands."""

ROOM_TO_READ_BYTES = 100_000_000
"""Bytes for Postgres alone, to read the data of the last run."""

MEMORY_BYTES = 768_000_000
"""Available memory needed, swap included. A small run takes 0.6 to 0.9 GB, some of it shared."""

CONTROL_GROUP = Path("/sys/fs/cgroup")


def require(with_broker: bool, lines: int = 0) -> None:
    """Checks the room for the servers and for `lines` commands. Raises StackError that says what is missing."""
    room = (ROOM_BYTES if with_broker else ROOM_TO_READ_BYTES) + lines * LINE_BYTES
    limit = BROKER_LIMIT_BYTES if with_broker else 0
    _require_disk(STACK, room + limit, f", of which RabbitMQ keeps {_gb(limit)} free" if limit else "")
    data = POSTGRES_DATA.resolve()
    if data.is_dir() and data.stat().st_dev != STACK.stat().st_dev:
        _require_disk(data, room, "")
    available = available_memory()
    if with_broker and available is not None and available < MEMORY_BYTES:
        raise StackError(
            f"not enough memory: {_gb(available)} are available, {_gb(MEMORY_BYTES)} are needed;"
            " end other programs, or add memory or swap"
        )


def available_memory() -> int | None:
    """Returns the available bytes of memory and swap, within a container's limit; None if unknown."""
    try:
        # Some sandboxes do not count swapped pages, and psutil warns of that. The figure for free swap is right.
        with warnings.catch_warnings(action="ignore"):
            available = psutil.virtual_memory().available + psutil.swap_memory().free
    except (OSError, KeyError, ValueError):
        return None
    try:
        most, used = (int((CONTROL_GROUP / name).read_text()) for name in ("memory.max", "memory.current"))
        cached = dict(line.split() for line in (CONTROL_GROUP / "memory.stat").read_text().splitlines())
        return min(available, most - used + int(cached["inactive_file"]))
    except (OSError, KeyError, ValueError):  # no control group, or one without a limit ("max")
        return available


def _require_disk(folder: Path, needed: int, note: str) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise StackError(
            f"not enough free space on the disk of {folder}: {_gb(free)} are free, {_gb(needed)} are needed{note};"
            f" free {_gb(needed - free)}"
        )


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
