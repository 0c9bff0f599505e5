"""Requested dumps of the log and their states. `webapp.downloads` handles the files themselves."""

import msgspec

from schema.outcomes import DumpState
from webapp.store import store

DUMPS_MAX = 100


class DumpView(msgspec.Struct, frozen=True):
    """A requested dump. `id`: of its DUMPLOG command, hexadecimal. `whole`: of all users.

    `failure`: of a failed dump, why there will never be a file; of a waiting one, why the last attempt failed; of a
    written one, why its file was removed.
    """

    id: str
    filename: str
    whole: bool
    state: DumpState
    written_at_ms: int | None
    failure: str | None


class DumpTroubles(msgspec.Struct, frozen=True):
    """Numbers of dumps of all users without a file: `failed` for ever, and `delayed` after a failed attempt."""

    failed: int
    delayed: int


def dump_troubles() -> DumpTroubles:
    """Counts of failed and delayed dumps, over all users."""
    return DumpTroubles(*store().only(_TROUBLES))


def dumps(user: str, administrator: bool = False) -> list[DumpView]:
    """A user's own dumps, the newest first; for an administrator also those of the whole log."""
    rows = store().rows(_DUMPS, user=user, whole=administrator, limit=DUMPS_MAX)
    return [_dump(*row) for row in rows]


def dump(user: str, dump_id: str, administrator: bool = False) -> DumpView | None:
    """The dump with this id; None if there is none that this user may know of."""
    row = store().row(_DUMP, user=user, whole=administrator, dump_id=dump_id)
    return _dump(*row) if row else None


def _dump(
    dump_id: str, filename: str, whole: bool, state: str, written_at_ms: int | None, failure: str | None
) -> DumpView:
    return DumpView(dump_id, filename, whole, DumpState(state), written_at_ms, failure)


_SELECT = """
    SELECT dump_id, filename, user_id IS NULL, state::text, written_at_ms, failure FROM dumps
    WHERE (user_id = :user OR (:whole AND user_id IS NULL))"""

_TROUBLES = """
    SELECT count(*) FILTER (WHERE state = 'failed'), count(*) FILTER (WHERE state = 'waiting')
    FROM dumps WHERE failure IS NOT NULL"""

_DUMPS = f"{_SELECT} ORDER BY dump_number DESC LIMIT :limit"
_DUMP = f"{_SELECT} AND dump_id = :dump_id"
