"""`python -m workloads --users 100 --commands 100000 --symbols 981 --seed 1 [--output file]`: makes a workload file."""

import argparse
import sys
from pathlib import Path

from runtime import entry_point
from runtime.output_file import written_whole
from workloads.generator import SYMBOLS_MAX, USERS_MAX, workload_lines


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m workloads", description="Make a workload file.")
    parser.add_argument("--users", type=int, default=100)
    parser.add_argument("--commands", type=int, default=100_000, help="lines, the last DUMPLOG included")
    parser.add_argument("--symbols", type=int, default=981)
    parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same file")
    parser.add_argument("--user-dump", action="store_true", help="end with the DUMPLOG of a user, before the last one")
    parser.add_argument("--output", type=Path, help="a file; otherwise standard output")
    asked = parser.parse_args()
    if not 1 <= asked.users <= USERS_MAX or asked.commands < 3 or not 1 <= asked.symbols <= SYMBOLS_MAX:
        parser.error(f"1 to {USERS_MAX:,} users, at least 3 commands, and 1 to {SYMBOLS_MAX:,} symbols")
    lines = workload_lines(asked.users, asked.commands, asked.symbols, asked.seed, asked.user_dump)
    if asked.output:
        with written_whole(asked.output) as file:
            file.writelines(f"{line}\n".encode() for line in lines)
    else:
        sys.stdout.writelines(f"{line}\n" for line in lines)
    return 0


if __name__ == "__main__":
    entry_point.run("workloads", main)
