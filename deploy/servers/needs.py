"""What a run needs of the machine: disk and memory, asked for before servers are started on it. The README says so too.

Below its limit RabbitMQ takes no messages, and says nothing to whoever waits: that is to be found out here.
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
"""For what the servers write without a command: a new Postgres, its journal, logs, a small workload."""

LINE_BYTES = 2_000
"""On disk, of one command of a load test: 1,700 of 100,000 commands (rows, journal, streams)."""

ROOM_TO_READ_BYTES = 100_000_000
"""For Postgres alone, to look back at what is there."""

MEMORY_BYTES = 768_000_000
"""Available, swap included. A small run takes 0.6 to 0.9 GB, of which some is shared."""

CONTROL_GROUP = Path("/sys/fs/cgroup")


def require(with_broker: bool, lines: int = 0) -> None:
    """That there is room for the servers and for so many commands. Raises StackError with what is missing."""
    room = (ROOM_BYTES if with_broker else ROOM_TO_READ_BYTES) + lines * LINE_BYTES
    limit = BROKER_LIMIT_BYTES if with_broker else 0
    _require_disk(STACK, room + limit, f", of which RabbitMQ leaves {_gb(limit)} alone" if limit else "")
    data = POSTGRES_DATA.resolve()
    if data.is_dir() and data.stat().st_dev != STACK.stat().st_dev:
        _require_disk(data, room, "")
    available = available_memory()
    if with_broker and available is not None and available < MEMORY_BYTES:
        raise StackError(
            f"too little memory: {_gb(available)} are available, {_gb(MEMORY_BYTES)} are needed;"
            " end other programs, or add memory or swap"
        )


def available_memory() -> int | None:
    """Bytes of memory and swap that programs could have, in this container too; None where nobody says."""
    try:
        # Some sandboxes do not count how much was swapped. psutil warns of that; how much can be swapped it knows.
        with warnings.catch_warnings(action="ignore"):
            available = psutil.virtual_memory().available + psutil.swap_memory().free
    except (OSError, KeyError, ValueError):
        return None
    try:
        most, used = (int((CONTROL_GROUP / name).read_text()) for name in ("memory.max", "memory.current"))
        cached = dict(line.split() for line in (CONTROL_GROUP / "memory.stat").read_text().splitlines())
        return min(available, most - used + int(cached["inactive_file"]))
    except (OSError, KeyError, ValueError):  # no group, or one without a limit ("max")
        return available


def _require_disk(folder: Path, needed: int, note: str) -> None:
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise StackError(
            f"too little room on the disk of {folder}: {_gb(free)} are free, {_gb(needed)} are needed{note};"
            f" free {_gb(needed - free)}"
        )


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
