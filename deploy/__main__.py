"""Entry point of the stack's commands: `python -m deploy COMMAND`, or `make COMMAND`. It works with a damaged .venv.

`entry_point.run` turns errors and Ctrl-C into one line, so every package is imported inside it.
"""

import sys

from runtime import entry_point


def main() -> int:
    try:
        from deploy.commands import cli  # noqa: PLC0415 - the message below names a package that is missing
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
