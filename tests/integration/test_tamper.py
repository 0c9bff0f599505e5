"""A hundred random changes to a finished log: verification finds each, and names the first bad row."""

import random
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest

from schema import chain
from schema.commands import CommandName
from schema.events import AuditKind
from verification import audit_chain, heads
from verification.invariants import Finding

SEED = 20261122
TAMPERINGS = 100

TEXTS = ("user_id", "symbol", "filename", "message", "cryptokey")
NUMBERS = ("at_ms", "transaction_number", "funds_cents", "quote_server_time")
ENUMS = {"kind": list(AuditKind), "command": list(CommandName)}


@dataclass(frozen=True)
class EntryRow:
    source: int
    number: int

    @property
    def key(self) -> tuple[int, int]:
        return self.source, self.number


class Forger:
    """Attacker who may write to the whole database.

    Each method spoils something at random, and returns the first bad row as (source, number).
    """

    def __init__(self, connection: psycopg.Connection, seed: int):
        self._connection = connection
        self._random = random.Random(seed)

    def changes_a_byte(self) -> tuple[int, int]:
        row = self._row()
        column = self._random.choice((*TEXTS, *NUMBERS, *ENUMS))
        (old,) = self._do(f"SELECT {column} FROM audit_events WHERE source = %s AND number = %s", *row.key).fetchone()
        if column in ENUMS:
            new = self._random.choice([member.value for member in ENUMS[column] if member.value != old])
        elif column in NUMBERS:
            new = (old or 0) ^ (1 << self._random.randrange(40))
        else:
            place = self._random.randrange(len(old)) if old else 0
            new = f"{old[:place]}{chr(ord(old[place]) ^ 1)}{old[place + 1 :]}" if old else "x"
        self._do(f"UPDATE audit_events SET {column} = %s WHERE source = %s AND number = %s", new, *row.key)
        return row.key

    def deletes_a_row(self) -> tuple[int, int]:
        row = self._row()
        self._do("DELETE FROM audit_events WHERE source = %s AND number = %s", *row.key)
        return row.key

    def adds_a_row(self) -> tuple[int, int]:
        row = self._row()
        place = self._random.choice(
            [(row.source, self._stored(row.source) + self._random.choice((1, 7))), (row.source, 0), (40, 1)]
        )
        self._do(
            "INSERT INTO audit_events (source, number, kind, at_ms, transaction_number, command)"
            " VALUES (%s, %s, 'debugEvent', 1, 1, 'ADD')",
            *place,
        )
        return place

    def renumbers_rows(self) -> tuple[int, int]:
        """Exchanges the numbers of two rows or more."""
        source = self._row().source
        count = self._random.randint(2, 4)
        numbers = self._random.sample(range(1, self._stored(source) + 1), count)
        for n, number in enumerate(numbers):
            self._renumber(source, number, -1 - n)
        for n, number in enumerate(numbers[1:] + numbers[:1]):
            self._renumber(source, -1 - n, number)
        return source, min(numbers)

    def moves_a_row_behind_the_end(self) -> tuple[int, int]:
        row = self._row()
        self._renumber(row.source, row.number, self._stored(row.source) + 1)
        return row.key

    def changes_a_link(self) -> tuple[int, int]:
        source, first, last = self._link()
        column, length = self._random.choice((("digest", 32), ("row_checks", 4 * (last - first + 1))))
        place = self._random.randrange(length)
        self._do(
            f"UPDATE audit_chain SET {column} = set_byte({column}, %s, get_byte({column}, %s) # 1)"
            " WHERE source = %s AND last_number = %s",
            place,
            place,
            source,
            last,
        )
        # A row's wrong check names that row; a wrong digest names the first row of its link.
        return source, first + place // 4 if column == "row_checks" else first

    def removes_a_link(self) -> tuple[int, int]:
        source, first, last = self._link()
        self._do("DELETE FROM audit_chain WHERE source = %s AND last_number = %s", source, last)
        return source, first

    def changes_a_head(self) -> tuple[int, int]:
        source = self._row().source
        self._do("UPDATE audit_sources SET head = sha256(head) WHERE source = %s", source)
        return source, self._stored(source)

    def tampers(self) -> tuple[str, tuple[int, int]]:
        """Spoils something in any of these ways; half of the time it changes a byte."""
        others = (
            self.deletes_a_row,
            self.adds_a_row,
            self.renumbers_rows,
            self.moves_a_row_behind_the_end,
            self.changes_a_link,
            self.removes_a_link,
            self.changes_a_head,
        )
        way = self._random.choice((self.changes_a_byte, self._random.choice(others)))
        return way.__name__, way()

    def _row(self) -> EntryRow:
        rows = self._do("SELECT source, number FROM audit_events ORDER BY source, number").fetchall()
        return EntryRow(*self._random.choice(rows))

    def _link(self) -> tuple[int, int, int]:
        links = self._do("SELECT source, first_number, last_number FROM audit_chain ORDER BY 1, 2").fetchall()
        return self._random.choice(links)

    def _stored(self, source: int) -> int:
        return self._do("SELECT stored FROM audit_sources WHERE source = %s", source).fetchone()[0]

    def _renumber(self, source: int, number: int, new: int) -> None:
        self._do("UPDATE audit_events SET number = %s WHERE source = %s AND number = %s", new, source, number)

    def _do(self, statement: str, *values: object) -> psycopg.Cursor:
        return self._connection.execute(statement, values)


@pytest.fixture(scope="module")
def log(finished) -> Iterator[psycopg.Connection]:
    """A finished log. Each test rolls its changes back."""
    with finished.copied() as url, psycopg.connect(url) as connection:
        yield connection


def judged(connection: psycopg.Connection, kept=()) -> list[Finding]:
    return audit_chain.verify(connection, kept, lambda rows: None)


def test_an_untouched_log_is_well(log):
    (finding,) = judged(log)
    assert (finding.violations, finding.first) == (0, "")
    assert finding.looked == log.execute("SELECT count(*) FROM audit_events").fetchone()[0] > 3_000


def test_a_hundred_of_a_hundred_tamperings_are_found_and_named(log):
    forger = Forger(log, SEED)
    missed, ways = [], set()
    for n in range(TAMPERINGS):
        with log.transaction(force_rollback=True):
            way, (source, number) = forger.tampers()
            (finding,) = judged(log)
        ways.add(way)
        if not finding.first.startswith(f"audit entry {number} of source {source}:"):
            missed.append((n, way, source, number, finding.first))
    assert missed == []
    assert len(ways) == 8
    assert judged(log)[0].violations == 0


def test_a_log_that_was_forged_as_a_whole_is_found_only_by_heads_kept_elsewhere(log):
    kept = heads.from_text(heads.to_text(audit_chain.heads(log), "kept"))
    with log.transaction(force_rollback=True):
        source, stored = log.execute("SELECT source, stored FROM audit_sources ORDER BY stored DESC").fetchone()
        log.execute("UPDATE audit_events SET at_ms = at_ms + 1 WHERE source = %s AND number = 1", (source,))
        chain_anew(log, source)
        chained, anchored = judged(log, kept)
    assert chained.violations == 0
    assert anchored.violations == 1
    assert anchored.first == f"audit entry {stored} of source {source}: its head was different"


def test_heads_that_were_kept_earlier_still_hold_when_the_log_has_grown(log):
    source, last, digest = log.execute(
        "SELECT source, last_number, digest FROM audit_chain ORDER BY source, last_number"
    ).fetchone()
    log.rollback()
    early = heads.Head(source, last, digest)
    _, anchored = judged(log, [early])
    assert anchored.violations == 0
    _, anchored = judged(log, [heads.Head(source, 10**9, digest)])
    assert anchored.violations == 1


def chain_anew(connection: psycopg.Connection, source: int) -> None:
    """Forges a chain that fits the changed log, like an attacker who may write everything and knows this code."""
    previous = chain.genesis(source)
    links = connection.execute(
        "SELECT first_number, last_number FROM audit_chain WHERE source = %s ORDER BY last_number", (source,)
    ).fetchall()
    for first, last in links:
        query = f"""COPY (SELECT {", ".join(chain.COLUMNS)} FROM audit_events
            WHERE source = {source} AND number BETWEEN {first} AND {last} ORDER BY number) TO STDOUT"""
        with connection.cursor().copy(query) as copy:
            link = chain.link(previous, source, first, last, b"".join(map(bytes, copy)))
        connection.execute(
            "UPDATE audit_chain SET row_checks = %s, digest = %s WHERE source = %s AND last_number = %s",
            (link.row_checks, link.digest, source, last),
        )
        previous = link.digest
    connection.execute("UPDATE audit_sources SET head = %s WHERE source = %s", (previous, source))
