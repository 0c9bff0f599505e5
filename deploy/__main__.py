"""Entry point of the stack's commands: `python -m deploy COMMAND`, or `make COMMAND`. It works with a damaged .venv.

`entry_point.run` turns errors and Ctrl-C into one line, so every package is imported inside it.
"""

from runtime import entry_point


def main() -> int:
    from deploy.commands import cli  # noqa: PLC0415 - a package that cannot be loaded is reported in one line

    return cli.main()


if __name__ == "__main__":
    entry_point.run("error", main)
