"""Finds and ends processes of this stack that have no supervisor any more, for instance because it was killed.

`python -m deploy.supervision.leftovers` ends them all. It needs no package and reads /proc itself instead of
using psutil, so that it works with an incomplete .venv.

A process belongs to this stack if its environment contains the stack's mark; its name never counts.
"""

import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

from deploy.stack.paths import STACK
from deploy.supervision.readiness import PAUSE_S
from runtime import entry_point

MARK = "DAYTRADE_STACK"
PATIENCE_S = 20


def mark() -> dict[str, str]:
    return {MARK: str(STACK)}


def find() -> dict[int, int]:
    """Returns pid → parent's pid of every other process with this stack's mark."""
    wanted = os.fsencode(f"{MARK}={STACK}")
    found = {}
    for folder in (folder for folder in Path("/proc").glob("[0-9]*") if folder.name != str(os.getpid())):
        try:
            if wanted in (folder / "environ").read_bytes().split(b"\0"):
                found[int(folder.name)] = _parent(folder)
        except OSError:
            continue  # it has ended meanwhile, or belongs to another user
    return found


def lives(pid: int) -> bool:
    """Whether this process, of any user, has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def family(pid: int) -> set[int]:
    """Returns this process and its descendants with this stack's mark."""
    found, members = find(), {pid}
    while more := {one for one, parent in found.items() if parent in members} - members:
        members |= more
    return members


def end_all() -> int:
    """Ends all leftovers, by SIGKILL after `PATIENCE_S`; returns their number. Spares what this process started."""
    spared = family(os.getpid())
    asked: set[int] = set()
    everyone: set[int] = set()
    deadline = time.monotonic() + PATIENCE_S
    while found := {pid: parent for pid, parent in find().items() if pid not in spared}:
        everyone |= found.keys()
        if time.monotonic() > deadline:
            for pid in found:
                _signal(pid, signal.SIGKILL)
        # Asks only processes whose parent is no leftover: a parent ends its own children, in the right order.
        for pid in [pid for pid, parent in found.items() if parent not in found and pid not in asked]:
            asked.add(pid)
            _signal(pid, signal.SIGINT if _name(pid) == "postgres" else signal.SIGTERM)
        time.sleep(PAUSE_S)
    return len(everyone)


def _parent(folder: Path) -> int:
    # The second field, the name, may contain spaces and parentheses; the parent is the second field after it.
    return int((folder / "stat").read_text().rpartition(")")[2].split()[1])


def _name(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def _signal(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):  # it ended by itself
        os.kill(pid, number)


def _main() -> None:
    print(f"Ended {end_all()} processes", file=sys.stderr)


if __name__ == "__main__":
    entry_point.run("leftovers", _main)
