"""Outcomes of commands, from the history, which has them even if the replies were lost."""

from collections.abc import Sequence

from webapp.reads.history import COLUMNS, HistoryRowView
from webapp.store import store


def command(user: str, command_id: bytes) -> HistoryRowView | None:
    """The history row of a user's command; None as long as there is none."""
    return commands(user, [command_id]).get(command_id)


def commands(user: str, command_ids: Sequence[bytes]) -> dict[bytes, HistoryRowView]:
    """The history rows of a user's commands, by id; those that have none yet are left out."""
    rows = [HistoryRowView(*row) for row in store().rows(_COMMANDS, user=user, command_ids=list(command_ids))]
    return {bytes.fromhex(row.command_id): row for row in rows}


_COMMANDS = f"""
    SELECT {COLUMNS} FROM history WHERE user_id = :user AND command_id = ANY(CAST(:command_ids AS bytea[]))"""
