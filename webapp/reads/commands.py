"""The outcome of one command, from the history, which has it even if the reply was lost."""

from webapp.reads.history import COLUMNS, HistoryRowView
from webapp.store import store


def command(user: str, command_id: bytes) -> HistoryRowView | None:
    """The history row of a user's command; None as long as there is none."""
    row = store().row(_COMMAND, user=user, command_id=command_id)
    return HistoryRowView(*row) if row else None


_COMMAND = f"SELECT {COLUMNS} FROM history WHERE user_id = :user AND command_id = :command_id"
