"""What a person waiting sees, on stderr, as stdout belongs to results. No decision may depend on anything here."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

console = Console(stderr=True, highlight=False)


def say(text: str) -> None:
    # soft_wrap: a line of a log or a path is for copying, and is not to be broken.
    console.print(text, markup=False, soft_wrap=True)


@contextmanager
def progress(text: str) -> Iterator[None]:
    """A spinner on a terminal; elsewhere one line before and one after, so that a CI log stays readable."""
    started = time.monotonic()
    if sys.stderr.isatty():
        with console.status(f"{text} …"):
            yield
    else:
        say(f"{text} …")
        yield
    say(f"{text}: done in {time.monotonic() - started:.1f} s")


def duration(seconds: int) -> str:
    """Hours, minutes and seconds."""
    hours, rest = divmod(seconds, 3600)
    return time.strftime(f"{hours}:%M:%S", time.gmtime(rest))
