"""Undecodable messages, for administrators to inspect. Reading them changes nothing."""

import msgspec

from webapp.store import store

LETTERS_SHOWN = 50
BYTES_SHOWN = 48


class DeadLetterView(msgspec.Struct, frozen=True):
    """`id`: the stream it came from and its offset there. `beginning`: its first bytes, as text can show them.

    `number`: the order in which letters were given up; `given_up_at_ms`: when, in ms since the epoch.
    """

    number: int
    id: str
    reason: str
    size_bytes: int
    beginning: str
    given_up_at_ms: int


class DeadLetters(msgspec.Struct, frozen=True):
    """A page of the `total` letters, the oldest first. `next_after`: `after` of the next page; null on the last one."""

    letters: list[DeadLetterView]
    total: int
    next_after: int | None


def dead_letters(after: int = 0) -> DeadLetters:
    """The letters after this number, LETTERS_SHOWN at most. Raises Unavailable."""
    rows = store().rows(_PAGE, after=after, limit=LETTERS_SHOWN + 1)
    shown = [
        DeadLetterView(row.letter_number, row.id, row.reason, row.size_bytes, repr(row.start)[2:-1], row.given_up_at_ms)
        for row in rows[:LETTERS_SHOWN]
    ]
    return DeadLetters(shown, count_dead_letters(), shown[-1].number if len(rows) > LETTERS_SHOWN else None)


def count_dead_letters() -> int:
    """Number of dead letters. Raises Unavailable."""
    count: int = store().only("SELECT count(*) FROM dead_letters")[0]
    return count


_PAGE = f"""
    SELECT letter_number, stream || '/' || stream_offset AS id, reason, size_bytes,
        substring(body FOR {BYTES_SHOWN}) AS start, given_up_at_ms
    FROM dead_letters WHERE letter_number > :after ORDER BY letter_number LIMIT :limit"""
