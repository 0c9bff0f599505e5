"""Recomputes the audit log's hash chain from its rows, and names the first row that differs from the chained one.

`schema.chain` defines what is hashed; this module only compares. It never writes or repairs anything.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import psycopg

from schema import chain
from schema.chain import CHECK_BYTES, ChainLink
from verification.copy_rows import copy_rows
from verification.heads import Head
from verification.invariants import Finding

CHAIN = "the log is unchanged since it was hash-chained"
HEADS = "the log's chain contains the heads that were saved elsewhere"

NUMBER_MIN = -(2**63)


@dataclass(frozen=True)
class ChainFault:
    """First entry at which a source's log differs from its chain, and how."""

    source: int
    number: int
    what: str

    def __str__(self) -> str:
        return f"audit entry {self.number} of source {self.source}: {self.what}"


def verify(connection: psycopg.Connection, saved: Iterable[Head], advanced: Callable[[int], None]) -> list[Finding]:
    """Returns one finding for the chains of all sources, and one for `saved`, the heads that were saved elsewhere."""
    started = time.monotonic()
    # Rows come in the key's order straight from its index: sorting them would double the time.
    for method in ("sort", "bitmapscan"):
        connection.execute(f"SET LOCAL enable_{method} = off")
    links = _links(connection)
    noted = {source: (stored, head) for source, stored, head in connection.execute(_NOTED)}
    present = {source for (source,) in connection.execute(_PRESENT)}
    faults, looked = [], 0
    for source in sorted(links.keys() | noted.keys() | present):
        of_source = _SourceLog(connection, source, links[source], noted.get(source, (0, chain.genesis(source))))
        fault = of_source.fault(advanced)
        looked += of_source.looked
        if fault is not None:
            faults.append(fault)
    findings = [_finding(CHAIN, looked, faults, started)]
    if saved := list(saved):
        missing = [fault for head in saved if (fault := _head_fault(head, links[head.source])) is not None]
        findings.append(_finding(HEADS, len(saved), missing, started))
    return findings


def _finding(sentence: str, looked: int, faults: list[ChainFault], started: float) -> Finding:
    first = str(faults[0]) if faults else ""
    return Finding(sentence, looked, len(faults), time.monotonic() - started, first)


def _links(connection: psycopg.Connection) -> dict[int, list[ChainLink]]:
    links: dict[int, list[ChainLink]] = defaultdict(list)
    for row in connection.execute(_LINKS):
        link = ChainLink(*row)
        links[link.source].append(link)
    return links


def _head_fault(head: Head, links: list[ChainLink]) -> ChainFault | None:
    for link in links:
        if link.last_number == head.number:
            return (
                None if link.digest == head.digest else ChainFault(head.source, head.number, "its head was different")
            )
    return ChainFault(head.source, head.number, "no link ends here any more, but one did when its head was saved")


class _SourceLog:
    """One source's rows and links."""

    def __init__(self, connection: psycopg.Connection, source: int, links: list[ChainLink], noted: tuple[int, bytes]):
        self._connection = connection
        self._source = source
        self._links = links
        self._stored, self._head = noted
        self.looked = 0

    def fault(self, advanced: Callable[[int], None]) -> ChainFault | None:
        """The first difference between rows and chain; None if there is none."""
        before = ChainLink(self._source, 0, 0, b"", chain.genesis(self._source))
        rows = copy_rows(self._connection, _ROWS.format(source=self._source))
        bad = None
        for link in self._links:
            # A forged link may name any numbers. Rows are read only if the link continues the one before it.
            if not before.last_number + 1 == link.first_number <= link.last_number:
                bad = link
                break
            # Rows are appended one by one: a list of thousands of rows costs garbage collection and doubles the time.
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
        # The remaining rows are always read, because the connection is unusable before the end of COPY.
        surplus = next(rows, None)
        self.looked += (surplus is not None) + sum(1 for _ in rows)
        return self._locate(before, bad) if bad else self._end_fault(before, surplus)

    def _end_fault(self, last: ChainLink, surplus: memoryview | None) -> ChainFault | None:
        if surplus is not None:
            return ChainFault(self._source, _number(bytes(surplus)), "it is beyond the end of the chain")
        if self._stored != last.last_number or self._head != last.digest:
            number = min(self._stored, last.last_number) + 1 if self._stored != last.last_number else self._stored
            return ChainFault(
                self._source, number, "the end of the chain differs from the head recorded for the source"
            )
        return None

    def _locate(self, before: ChainLink, link: ChainLink) -> ChainFault:
        """Finds the first bad row of the first link that does not match, by the rows' checks where these differ."""
        expected = before.last_number + 1
        if link.first_number != expected:
            what = (
                f"the chain continues at {link.first_number}: this entry's link is missing, or one next to it altered"
            )
            return ChainFault(self._source, expected, what)
        # The first link also covers any row with a number below 1.
        behind = before.last_number or NUMBER_MIN
        query = _SOME_ROWS.format(source=self._source, behind=behind, last=link.last_number)
        for row in list(map(bytes, copy_rows(self._connection, query))):
            number = _number(row)
            if number != expected:
                what = "it is missing" if number > expected else "it was not there when the log was chained"
                return ChainFault(self._source, min(number, expected), what)
            place = CHECK_BYTES * (number - link.first_number)
            if chain.row_checks(row) != link.row_checks[place : place + CHECK_BYTES]:
                return ChainFault(self._source, number, "it differs from what was chained")
            expected += 1
        if expected <= link.last_number:
            return ChainFault(self._source, expected, "it is missing")
        return ChainFault(
            self._source,
            link.first_number,
            f"the link over entries up to {link.last_number} was altered, or the link before it",
        )


def _fits(link: ChainLink, previous: bytes, rows: bytes | bytearray) -> bool:
    source, first, last, checks, digest = link
    return chain.digest(previous, source, first, last, rows, checks) == digest


def _number(row: bytes) -> int:
    return int(row.split(b"\t", 2)[1])


def heads(connection: psycopg.Connection) -> Iterator[Head]:
    """Yields the newest link of each source in the database, to be saved elsewhere."""
    for source, stored, head in connection.execute(_NOTED):
        yield Head(source, stored, head)


_LINKS = """
    SELECT source, first_number, last_number, row_checks, digest FROM audit_chain ORDER BY source, last_number"""

_NOTED = "SELECT source, stored, head FROM audit_sources ORDER BY source"

_PRESENT = "SELECT DISTINCT source FROM audit_events"

_SELECT = f"SELECT {', '.join(chain.COLUMNS)} FROM audit_events WHERE source = {{source}}"

_ROWS = f"COPY ({_SELECT} ORDER BY number) TO STDOUT"

_SOME_ROWS = f"COPY ({_SELECT} AND number > {{behind}} AND number <= {{last}} ORDER BY number) TO STDOUT"
