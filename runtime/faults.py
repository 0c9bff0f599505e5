"""Faults that tests/chaos injects: points at which a process ends itself, and defences that are switched off.

Only tests/chaos sets FAULT_POINT and SABOTAGE in the environment. Without them nothing here does anything. The module
imports nothing of this project, and no other module may read these two variables.

`FAULT_POINT=name:n` kills the process (-9) when it passes the point `name` for the n-th time; `name:n:stop` stops it
there (SIGSTOP). `SABOTAGE=fence` (or outbox, lookup, numbering) switches that defence off, so that a test can prove
that the chaos run detects the damage.
"""

import os
import signal
from collections.abc import Callable


def _nothing(_point: str) -> None:
    """Replaces `strike` outside of tests."""


def _striker(setting: str) -> Callable[[str], None]:
    if not setting:
        return _nothing
    name, count, *how = setting.split(":")
    number = signal.SIGSTOP if how == ["stop"] else signal.SIGKILL
    left = int(count)

    def strike_at(point: str) -> None:
        nonlocal left
        if point == name:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), number)

    return strike_at


strike = _striker(os.environ.get("FAULT_POINT", ""))
"""`strike(point)` marks a point at which a test may kill or stop this process."""

_sabotage = os.environ.get("SABOTAGE", "")


def sabotaged(defence: str) -> bool:
    """Whether a test has switched this defence off. Ask once, at import."""
    return defence == _sabotage
