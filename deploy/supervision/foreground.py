"""Runs one child in the foreground and sees to its end, whatever ends us. What the child is does not matter."""

import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

PAUSE_S = 0.5  # between two looks at the workers while the child runs
CHILD_SECONDS_MAX = 20  # for a child that was asked to end
INTERRUPTS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """A signal asked us to end. Not an Exception: nothing but the outermost frame may take it for handled."""

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
    """For clearing up: a second Ctrl-C must not leave half of it running."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in INTERRUPTS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def wait_for(child: subprocess.Popen[Any], meanwhile: Callable[[], object] = lambda: None) -> int:
    """Returns its exit code, as a shell would count it. Interrupted, it asks the child to end and waits for that."""
    try:
        while True:
            try:
                code = child.wait(timeout=PAUSE_S)
                return code if code >= 0 else 128 - code
            except subprocess.TimeoutExpired:
                meanwhile()
    finally:
        end(child)


def end(child: subprocess.Popen[Any]) -> None:
    """Asks the child to end, and insists after a while; returns when it has. Nothing where it has ended already."""
    if child.poll() is not None:
        return
    with uninterrupted():
        child.terminate()
        try:
            child.wait(timeout=CHILD_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
