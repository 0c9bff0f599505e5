"""Runs one child in the foreground, and makes sure that it ends, even if a signal ends this process."""

import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PAUSE_S = 0.5  # between two checks of the workers while the child runs
CHILD_SECONDS_MAX = 20  # until a child that was asked to end is killed
INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """A signal to end this process. Not an Exception, so that only the outermost frame handles it."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.exit_code = 128 + number


@contextmanager
def interruptible() -> Iterator[None]:
    def interrupt(number: int, _frame: object) -> None:
        raise Interrupted(number)

    before = {number: signal.signal(number, interrupt) for number in INTERRUPTS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Ignores interrupts during the block, so that a second Ctrl-C does not break off the cleanup."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in INTERRUPTS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def wait_for(child: subprocess.Popen[bytes], meanwhile: Callable[[], object] = lambda: None) -> int:
    """Waits for the child; returns its exit code as a shell counts it. If interrupted, it ends the child first."""
    try:
        while True:
            try:
                code = child.wait(timeout=PAUSE_S)
                return code if code >= 0 else 128 - code
            except subprocess.TimeoutExpired:
                meanwhile()
    finally:
        end(child)


def end(child: subprocess.Popen[bytes]) -> None:
    """Ends the child if it runs: asks it to end, kills it after `CHILD_SECONDS_MAX`, and waits for its end."""
    if child.poll() is not None:
        return
    with uninterrupted():
        child.terminate()
        try:
            child.wait(timeout=CHILD_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
