"""Refuses a checkout whose path some program of the stack cannot handle: python -m deploy.stack.checkout_path.

It runs before there is a virtual environment, and needs no package.
"""

import os
import sys

from runtime import entry_point

BYTES_MAX = 900
"""Maximum bytes of the path: Postgres limits a path, including its own folder and file names, to 1,024 bytes."""


def complaint(path: str) -> str | None:
    """Returns a line that says what is wrong with the path and what to do; None if all programs work in it."""
    if "\n" in path or "\r" in path:
        reason = "contains an end of line, which Postgres refuses"
    elif ":" in path:
        reason = "contains a colon, and Python makes no virtual environment in such a path"
    elif len(os.fsencode(path)) > BYTES_MAX:
        reason = f"is longer than {BYTES_MAX} bytes, which is too long for Postgres"
    elif any("\ud800" <= character <= "\udfff" for character in path):
        reason = "is not UTF-8, and Erlang, which RabbitMQ runs on, cannot read it"
    else:
        return None
    return f"the path of this checkout {reason}: {path!r}. Move it to another folder"


def main() -> int:
    if fault := complaint(os.getcwd()):
        print(f"error: {fault}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    entry_point.run("error", main)
