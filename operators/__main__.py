"""`./daytradectl VERB`, which is `python -m operators VERB`: runs a verb of the operators' command line."""

import sys

from runtime import entry_point

PROGRAM = "daytradectl"


def main() -> int:
    """Exit code of the verb; 2 where the command line is wrong, 1 where a package cannot be loaded."""
    try:
        from operators.command_line import run  # noqa: PLC0415 - a package that cannot be loaded is one line
    except ImportError as error:
        why = " ".join(str(error).split())
        print(f"{PROGRAM}: a package cannot be loaded ({why}). `make venv` installs them all", file=sys.stderr)
        return entry_point.FAILED
    return run(PROGRAM)


if __name__ == "__main__":
    entry_point.run(PROGRAM, main)
