"""Runs the stack's commands in every state that .stack may be in, and prints what they print and return.

`test_stack_states.py` runs this in a copy of the checkout, so that the real .stack is safe.
"""

import contextlib
import io
import json
import shutil
import sys
from pathlib import Path

from deploy.commands import cli as stack
from deploy.servers import container
from deploy.stack import progress, record
from deploy.stack.paths import STACK
from deploy.supervision import leftovers
from runtime import entry_point

COMMANDS = ("status", "verify", "down", "clean")
"""Commands of make that start no server if nothing has run."""

RECORDS = {
    "null": b"null",
    "no object": b"[1, 2]",
    "an empty object": b"{}",
    "an object of another shape": b'{"ports": 5}',
    "cut off": b'{"kind": "priv',
    "too deep": b"[" * 100_000,
    "wrong values": json.dumps({**vars(record.Record()), "ports": {"amqp": 99_999_999}, "kind": 3}).encode(),
}
"""File contents that look like a record of the stack, but are not valid."""

CONTENTS = {"empty": b"", "garbage": bytes(range(256))}

OTHERS = ("missing", "a folder", "a link to nowhere")

FILES = (
    *("lock", "last_profile", "log", "log/supervisord.log", "supervisor.d", "supervisor.d/live.conf"),
    *("supervisord.conf", "supervisord.pid", "rabbitmq", "rabbitmq/rabbitmq.conf", "stack.new", "web_secret_key"),
    *("postgres", "postgres/PG_VERSION", "postgres/daytrade-complete", "."),
)


def fresh() -> None:
    """Makes .stack as it is after a run, without the servers' own files."""
    _remove(STACK)
    record.Record(kind=record.PRIVATE, ports={"amqp": 1, "postgres": 1, "supervisor": 1}).save()
    for name in ("log", "supervisor.d", "rabbitmq", "postgres"):
        (STACK / name).mkdir()
    for name in ("lock", "supervisord.conf", "postgres/PG_VERSION", "postgres/daytrade-complete", "web_secret_key"):
        (STACK / name).write_text("15")


def spoil(path: Path, how: str) -> None:
    _remove(path)
    if how == "a folder":
        path.mkdir()
        (path / "inside").write_text("x")
    elif how == "a link to nowhere":
        path.symlink_to("nowhere")
    elif how != "missing":
        path.write_bytes((CONTENTS | RECORDS)[how])


def run(command: str) -> tuple[str, int, str]:
    """Runs a command; returns its name, its exit code and its output."""
    sys.argv = ["deploy", command]
    output = io.StringIO()
    progress.console.file = output
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        try:
            code = entry_point.code_of("error", stack.main)
        except SystemExit as left:
            code = left.code
    return command, code, output.getvalue()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def main() -> None:
    # These look at the machine and not at .stack, and would be slow a hundred times.
    container.engine = lambda: None
    leftovers.find = dict
    states = [(place, how) for place in FILES for how in (*CONTENTS, *OTHERS)]
    for places in ("stack.json", "stack.json and stack.copy.json"):
        states += [(places, how) for how in (*RECORDS, *CONTENTS, *OTHERS)]
    for places, how in states:
        if places == "." and how in ("missing", "a folder"):
            continue
        fresh()
        for place in places.split(" and "):
            spoil(STACK / place if place != "." else STACK, how)
        print(json.dumps([f"{places}: {how}", [run(command) for command in COMMANDS]]), flush=True)


if __name__ == "__main__":
    main()
