"""Dumps of the log that were asked for: whether they are written yet. The files themselves are `webapp.downloads`'."""

import msgspec

from webapp.store import store

DUMPS_MAX = 100


class Dump(msgspec.Struct, frozen=True):
    """`id`: of its DUMPLOG command, hexadecimal. `whole`: of all users. `written_at_ms` None: not written yet."""

    id: str
    filename: str
    whole: bool
    written_at_ms: int | None


def dumps(user: str, administrator: bool = False) -> list[Dump]:
    """A user's own dumps, the newest first; an administrator's with those of the whole log."""
    return [Dump(*row) for row in store().rows(_DUMPS, user=user, whole=administrator, limit=DUMPS_MAX)]


def dump(user: str, dump_id: str, administrator: bool = False) -> Dump | None:
    """One that this user may download."""
    row = store().row(_DUMP, user=user, whole=administrator, dump_id=dump_id)
    return Dump(*row) if row else None


_SELECT = """
    SELECT dump_id, filename, user_id IS NULL, written_at_ms FROM dumps
    WHERE (user_id = :user OR (:whole AND user_id IS NULL))"""

_DUMPS = f"{_SELECT} ORDER BY written_at_ms DESC NULLS FIRST LIMIT :limit"
_DUMP = f"{_SELECT} AND dump_id = :dump_id"
