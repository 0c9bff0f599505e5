"""Entry point of the stack's commands: `python -m deploy COMMAND`, or `make COMMAND`. It copes with a damaged .venv.

Every package is imported inside the frame that turns errors, and Ctrl-C, into one line.
"""

import sys

from runtime import entry_point


def main() -> int:
    try:
        from deploy.commands import cli  # noqa: PLC0415 - what is missing is said below
    except ImportError as error:
        why = " ".join(str(error).split())
        print(
            f"error: a package cannot be loaded ({why}). Run `rm -r .venv`, then this command again,"
            " which installs all packages anew",
            file=sys.stderr,
        )
        return entry_point.FAILED
    return cli.main()


if __name__ == "__main__":
    entry_point.run("error", main)
