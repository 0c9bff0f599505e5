"""Switches that only tests/chaos throws: points at which a process ends itself, and defences that are switched off.

Without FAULT_POINT and SABOTAGE in the environment, which nothing but tests/chaos sets, nothing here does anything.
Imports nothing of this project, and nothing else may ever read these two variables.

`FAULT_POINT=name:n` kills the process (-9) when it passes the point `name` for the n-th time; `name:n:stop` stops it
there (SIGSTOP). `SABOTAGE=fence` (or outbox, lookup, numbering) leaves out that defence, so that a test can hold that
the chaos run sees what it is for.
"""

import os
import signal
from collections.abc import Callable


def _nothing(_point: str) -> None:
    """What `strike` is outside of tests."""


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
"""`strike(point)`: this process passes a point at which a test may want it dead."""

_sabotage = os.environ.get("SABOTAGE", "")


def sabotaged(defence: str) -> bool:
    """Whether this defence is to be left out. Ask once, at import."""
    return defence == _sabotage
