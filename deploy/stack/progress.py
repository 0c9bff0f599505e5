"""Progress messages for people, on stderr, as stdout is for results. No decision may depend on anything here."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

console = Console(stderr=True, highlight=False)


def say(text: str) -> None:
    # soft_wrap: log lines and paths are for copying, so they must not be broken.
    console.print(text, markup=False, soft_wrap=True)


@contextmanager
def progress(text: str) -> Iterator[None]:
    """Shows a spinner on a terminal; elsewhere prints a line before and after, so that a CI log stays readable."""
    started = time.monotonic()
    if sys.stderr.isatty():
        with console.status(f"{text} …"):
            yield
    else:
        say(f"{text} …")
        yield
    say(f"{text}: done in {time.monotonic() - started:.1f} s")


def duration(seconds: int) -> str:
    """Formats seconds as hours:minutes:seconds."""
    hours, rest = divmod(seconds, 3600)
    return time.strftime(f"{hours}:%M:%S", time.gmtime(rest))
