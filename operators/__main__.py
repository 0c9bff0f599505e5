"""Entry point of the operators' command line: `./daytradectl VERB`, the same as `python -m operators VERB`."""

import sys

from runtime import entry_point

PROGRAM = "daytradectl"


def main() -> int:
    """Runs a verb. Exit code: the verb's own; 2 if the command line is wrong, 1 if a package cannot be loaded."""
    try:
        from operators.command_line import run  # noqa: PLC0415 - a package that cannot be loaded is reported in one line
    except ImportError as error:
        why = " ".join(str(error).split())
        print(f"{PROGRAM}: a package cannot be loaded ({why}). `make venv` installs them all", file=sys.stderr)
        return entry_point.FAILED
    return run(PROGRAM)


if __name__ == "__main__":
    entry_point.run(PROGRAM, main)
