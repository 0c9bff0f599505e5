"""Points at which a test may kill a process. In production, a process may die there, as anywhere.

Only tests set FAULT_POINT in the environment. Without it nothing here does anything. The module imports nothing of this
project, and no other module may read the variable.

`FAULT_POINT=name:n` kills the process (-9) when it passes the point `name` for the n-th time; `name:n:stop` stops it
there (SIGSTOP). No variable can switch a protection off, such as the check of epochs in each commit. Tests that need
this patch the process in memory (tests/chaos/unfenced.py).
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
