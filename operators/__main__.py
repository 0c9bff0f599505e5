"""Entry point of the operators' command line: `./daytradectl VERB`, the same as `python -m operators VERB`."""

from runtime import entry_point

PROGRAM = "daytradectl"


def main() -> int:
    """Runs a verb. Exit code: the verb's own; 2 if the command line is wrong."""
    from operators.command_line import run  # noqa: PLC0415 - a package that cannot be loaded is reported in one line

    return run(PROGRAM)


if __name__ == "__main__":
    entry_point.run(PROGRAM, main)
