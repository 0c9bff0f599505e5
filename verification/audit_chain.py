"""Recomputes the audit log's hash chain from its rows, and names the first row that is not what was chained.

What is hashed is `schema.chain`'s to say; here it is only compared. Never writes, and mends nothing.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import psycopg

from schema import chain
from schema.chain import CHECK_BYTES, Link
from verification.copy_rows import copy_rows
from verification.heads import Head
from verification.invariants import Finding

CHAIN = "the log is what was hash-chained when it was written"
HEADS = "the log's chain holds the heads that were kept elsewhere"

NUMBER_MIN = -(2**63)


@dataclass(frozen=True)
class Fault:
    """Where a source's log first departs from its chain, and how."""

    source: int
    number: int
    what: str

    def __str__(self) -> str:
        return f"audit entry {self.number} of source {self.source}: {self.what}"


def verify(connection: psycopg.Connection, kept: Iterable[Head], advanced: Callable[[int], None]) -> list[Finding]:
    """A finding on the chain of all sources together, and one on the heads that were kept, if any were."""
    started = time.monotonic()
    # Rows come in the key's order straight from its index: sorting them would double the time.
    for method in ("sort", "bitmapscan"):
        connection.execute(f"SET LOCAL enable_{method} = off")
    links = _links(connection)
    noted = {source: (stored, head) for source, stored, head in connection.execute(_NOTED)}
    present = {source for (source,) in connection.execute(_PRESENT)}
    faults, looked = [], 0
    for source in sorted(links.keys() | noted.keys() | present):
        of_source = _Source(connection, source, links[source], noted.get(source, (0, chain.genesis(source))))
        fault = of_source.fault(advanced)
        looked += of_source.looked
        if fault is not None:
            faults.append(fault)
    findings = [_finding(CHAIN, looked, faults, started)]
    if kept := list(kept):
        missing = [fault for head in kept if (fault := _head_fault(head, links[head.source])) is not None]
        findings.append(_finding(HEADS, len(kept), missing, started))
    return findings


def _finding(sentence: str, looked: int, faults: list[Fault], started: float) -> Finding:
    first = str(faults[0]) if faults else ""
    return Finding(sentence, looked, len(faults), time.monotonic() - started, first)


def _links(connection: psycopg.Connection) -> dict[int, list[Link]]:
    links: dict[int, list[Link]] = defaultdict(list)
    for row in connection.execute(_LINKS):
        link = Link(*row)
        links[link.source].append(link)
    return links


def _head_fault(head: Head, links: list[Link]) -> Fault | None:
    for link in links:
        if link.last_number == head.number:
            return None if link.digest == head.digest else Fault(head.source, head.number, "its head was another")
    return Fault(head.source, head.number, "no link ends here, as one did when its head was kept")


class _Source:
    """One source's rows and links."""

    def __init__(self, connection: psycopg.Connection, source: int, links: list[Link], noted: tuple[int, bytes]):
        self._connection = connection
        self._source = source
        self._links = links
        self._stored, self._head = noted
        self.looked = 0

    def fault(self, advanced: Callable[[int], None]) -> Fault | None:
        """Where it first goes wrong, None where nothing is."""
        before = Link(self._source, 0, 0, b"", chain.genesis(self._source))
        rows = copy_rows(self._connection, _ROWS.format(source=self._source))
        bad = None
        for link in self._links:
            # Forged numbers may lead anywhere: so many rows are read only where the link says so of the next ones.
            if not before.last_number + 1 == link.first_number <= link.last_number:
                bad = link
                break
            # Added up one by one: a list of thousands of rows keeps the garbage collector busy, which doubles the time.
            taken = bytearray()
            for row in islice(rows, link.last_number - before.last_number):
                taken += row
            number = taken.count(b"\n")
            self.looked += number
            advanced(number)
            if not _fits(link, before.digest, taken):
                bad = link
                break
            before = link
        # What is left has to be read in any case, or the connection could not be used on.
        surplus = next(rows, None)
        self.looked += (surplus is not None) + sum(1 for _ in rows)
        return self._locate(before, bad) if bad else self._end_fault(before, surplus)

    def _end_fault(self, last: Link, surplus: memoryview | None) -> Fault | None:
        if surplus is not None:
            return Fault(self._source, _number(bytes(surplus)), "it is behind the end of the chain")
        if self._stored != last.last_number or self._head != last.digest:
            number = min(self._stored, last.last_number) + 1 if self._stored != last.last_number else self._stored
            return Fault(self._source, number, "the chain's end and the head noted for the source are not the same")
        return None

    def _locate(self, before: Link, link: Link) -> Fault:
        """Which row of the first link that does not fit is the first bad one; by its check, where that tells."""
        expected = before.last_number + 1
        if link.first_number != expected:
            what = f"the chain goes on with {link.first_number}: the link over it is missing, or one beside it altered"
            return Fault(self._source, expected, what)
        # The first link answers for whatever stands before number 1, too.
        behind = before.last_number or NUMBER_MIN
        query = _SOME_ROWS.format(source=self._source, behind=behind, last=link.last_number)
        for row in list(map(bytes, copy_rows(self._connection, query))):
            number = _number(row)
            if number != expected:
                what = "it is missing" if number > expected else "it was never chained there"
                return Fault(self._source, min(number, expected), what)
            place = CHECK_BYTES * (number - link.first_number)
            if chain.row_checks(row) != link.row_checks[place : place + CHECK_BYTES]:
                return Fault(self._source, number, "it is not what was chained")
            expected += 1
        if expected <= link.last_number:
            return Fault(self._source, expected, "it is missing")
        return Fault(
            self._source,
            link.first_number,
            f"the chain's link over it up to {link.last_number} is altered, or that before it",
        )


def _fits(link: Link, previous: bytes, rows: bytes | bytearray) -> bool:
    source, first, last, checks, digest = link
    return chain.digest(previous, source, first, last, rows, checks) == digest


def _number(row: bytes) -> int:
    return int(row.split(b"\t", 2)[1])


def heads(connection: psycopg.Connection) -> Iterator[Head]:
    """The newest link of each source, as it stands in the database: to be kept elsewhere."""
    for source, stored, head in connection.execute(_NOTED):
        yield Head(source, stored, head)


_LINKS = """
    SELECT source, first_number, last_number, row_checks, digest FROM audit_chain ORDER BY source, last_number"""

_NOTED = "SELECT source, stored, head FROM audit_sources ORDER BY source"

_PRESENT = "SELECT DISTINCT source FROM audit_events"

_SELECT = f"SELECT {', '.join(chain.COLUMNS)} FROM audit_events WHERE source = {{source}}"

_ROWS = f"COPY ({_SELECT} ORDER BY number) TO STDOUT"

_SOME_ROWS = f"COPY ({_SELECT} AND number > {{behind}} AND number <= {{last}} ORDER BY number) TO STDOUT"
