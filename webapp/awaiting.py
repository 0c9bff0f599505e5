"""Waiting for the outcomes of published commands: from the workers' replies, or from the history if one was lost."""

import time
from collections.abc import Iterable, Mapping, Sequence

from schema.arguments import is_root_dumplog
from schema.commands import NO_USER, Command
from webapp.command_results import CommandResult, from_reply, from_row, pending
from webapp.gateway import Gateway
from webapp.reads.commands import commands as history_rows
from webapp.reads.history import HistoryRowView
from webapp.unavailable import Unavailable

LOOK_SECONDS_FIRST, LOOK_SECONDS_MAX = 0.25, 1.0
"""First and longest interval between reads of the history."""

LOOK_SECONDS_OF_DUMPS = 0.05
"""First interval if one of the commands is a DUMPLOG of the whole log, which has no reply."""


def outcomes(gateway: Gateway, commands: Sequence[Command], wait_ms: int) -> dict[bytes, CommandResult]:
    """Results by command id, after at most `wait_ms`; those that are not known then are pending."""
    ends_at = time.monotonic() + wait_ms / 1000
    patience = LOOK_SECONDS_OF_DUMPS if any(map(is_root_dumplog, commands)) else LOOK_SECONDS_FIRST
    results: dict[bytes, CommandResult] = {}
    missing = {command.command_id: command for command in commands}
    while missing:
        heard = _replies(gateway, missing, min(ends_at, time.monotonic() + patience))
        if not heard:
            heard = {command_id: from_row(row) for command_id, row in _rows_if_there(missing.values()).items()}
            patience = min(patience * 2, LOOK_SECONDS_MAX)
        results |= heard
        missing = {command_id: command for command_id, command in missing.items() if command_id not in heard}
        if not heard and time.monotonic() >= ends_at:
            return results | {command_id: pending(command) for command_id, command in missing.items()}
    return results


def rows_of(commands: Iterable[Command]) -> dict[bytes, HistoryRowView]:
    """The history rows of the commands that have one, by command id. Raises Unavailable."""
    by_owner: dict[str, list[bytes]] = {}
    for command in commands:
        by_owner.setdefault(owner_of(command), []).append(command.command_id)
    return {
        command_id: row for owner, owned in by_owner.items() for command_id, row in history_rows(owner, owned).items()
    }


def owner_of(command: Command) -> str:
    """The user whose history has the command's row."""
    return NO_USER if is_root_dumplog(command) else command.key


def _replies(gateway: Gateway, missing: Mapping[bytes, Command], ends_at: float) -> dict[bytes, CommandResult]:
    """Results of the commands whose replies come by `ends_at`, in monotonic seconds; all that are there then."""
    heard = {}
    for command_id, command in missing.items():
        reply = gateway.wait(command_id, max(0.0, ends_at - time.monotonic()))
        if reply is not None:
            heard[command_id] = from_reply(command, reply)
    return heard


def _rows_if_there(commands: Iterable[Command]) -> dict[bytes, HistoryRowView]:
    """Like `rows_of`; empty also while the database is unreachable: a published command is then pending."""
    try:
        return rows_of(commands)
    except Unavailable:
        return {}
