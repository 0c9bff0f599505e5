"""Checks that dumps hold what DUMPLOG promises (spec §6). Reads only.

A dump holds exactly the log up to its markers, field by field. It holds everything that was confirmed before the
DUMPLOG, and nothing that the user who requested it sent afterwards.
"""

import functools
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from lxml import etree

from schema.commands import NO_USER, PARTITIONS, partition_of
from schema.events import QUOTECACHE_SOURCE, source_name
from tests.chaos.database_view import DatabaseView
from tests.chaos.dumps import GivenDump
from tests.chaos.sent_commands import WorkloadCommand

EXAMPLES_MAX = 5
"""Maximum violations of one kind that are listed for a dump."""

HEAD, TAIL = 2, 1
"""Lines of a dump before and after its elements."""


@dataclass(frozen=True, eq=False)
class DumpElement:
    """Element that a dump holds, or should hold according to the log. Equal elements are the same object."""

    kind: str
    fields: dict[str, str]
    number: int
    command: tuple | None
    """Fields of a userCommand that its command determines; None for other elements."""

    def __str__(self) -> str:
        return f"{self.kind} {self.fields}"


class DumpCheck:
    """Check of all dumps of a round. `lines`, `probes`: the commands of the workload and of the prober, in order."""

    def __init__(
        self, database: DatabaseView, folder: Path, lines: list[WorkloadCommand], probes: list[WorkloadCommand]
    ):
        self._database = database
        self._folder = folder
        self._lines, self._probes = lines, probes
        self._entries: dict[tuple, DumpElement] = {}
        self._of_line: dict[str, DumpElement] = {}
        self._log = list(self._read_log())
        self._quotes = database.rows(_QUOTES)

    def violations(self, dump: GivenDump) -> list[str]:
        file = self._folder / dump.filename
        name = f"{dump.filename} of {dump.user or 'all users'}"
        if not file.exists():
            return [f"{name}: there is no dump"]
        try:
            dumped = [self._element(line) for line in file.read_text().split("\n")[HEAD : -TAIL - 1]]
        except etree.XMLSyntaxError as error:
            return [f"{name}: {error}"]
        before = self._database.rows(_BEFORE, (dump.user or NO_USER, dump.user or NO_USER, dump.command_id))
        found = self._markers(dump)
        found += _some(self._differences(dump, dumped, before))
        found += _some(self._commands(dump, dumped))
        if dump.user is not None:
            found += _some(_of_a_user(dumped, before))
        return [f"{name}: {one}" for one in found + _some(self._quotes_missing(dump, dumped))]

    def _markers(self, dump: GivenDump) -> list[str]:
        partitions = range(PARTITIONS) if dump.user is None else [partition_of(dump.user)]
        wanted = {*partitions, QUOTECACHE_SOURCE}
        marked = {source for source, _ in self._database.rows(_MARKERS, (dump.dump_id,))}
        return [] if marked == wanted else [f"markers in the sources {sorted(marked)}"]

    def _differences(self, dump: GivenDump, dumped: list[DumpElement], before: list[tuple]) -> Iterator[str]:
        """Finds entries that the dump holds more often than the log, and the reverse."""
        logged = Counter(self._logged(dump, before))
        there = Counter(dumped)
        yield from (f"only in the dump: {entry}" for entry in there - logged)
        yield from (f"only in the log: {entry}" for entry in logged - there)

    def _logged(self, dump: GivenDump, before: list[tuple]) -> Iterator[DumpElement]:
        """Yields the log up to the markers: all of it, or a user's entries and the quotes that these caused."""
        ends = dict(self._database.rows(_MARKERS, (dump.dump_id,)))
        numbers = {number for kind, number, _ in before if kind == "command"}
        for source, place, user, entry in self._log:
            if place > ends.get(source, 0):
                continue
            if dump.user is None or (user == dump.user and (source != QUOTECACHE_SOURCE or entry.number in numbers)):
                yield entry

    def _commands(self, dump: GivenDump, dumped: list[DumpElement]) -> Iterator[str]:
        """Finds confirmed commands that the dump does not hold exactly once, and later ones of its requester."""
        there = Counter(entry.command for entry in dumped if entry.command is not None)
        own = next(one for one in (*self._lines, *self._probes) if one.number == dump.number)
        for one in (*self._lines[: min(dump.lines, len(self._lines) - 1)], *self._probes[: dump.probes], own):
            if (dump.user is None or one.user == dump.user) and there[_given(one)] != 1:
                yield f"{there[_given(one)]} times {one}, which precedes the DUMPLOG"
        if dump.asker is not None:
            for one in self._probes:
                if one.number > dump.number and one.user in (None, dump.asker) and there[_given(one)]:
                    yield f"{one}, which follows the DUMPLOG"

    def _quotes_missing(self, dump: GivenDump, dumped: list[DumpElement]) -> Iterator[str]:
        """Finds trades whose paid quote the dump lacks. A user's dump needs only the quotes that its trades caused."""
        keys = {entry.fields["cryptokey"] for entry in dumped if entry.kind == "quoteServer"}
        numbers = _numbers(dumped)
        for number, caused, key in self._quotes:
            if number in numbers and (dump.user is None or caused) and key not in keys:
                yield f"the quote of transaction {number} is missing"

    def _element(self, line: str) -> DumpElement:
        """Parses a line. Dumps share most of their lines, so each line is parsed once."""
        entry = self._of_line.get(line)
        if entry is None:
            element = etree.fromstring(line)
            entry = self._entry(element.tag, {field.tag: field.text or "" for field in element})
            self._of_line[line] = entry
        return entry

    def _read_log(self) -> Iterator[tuple[int, int, str | None, DumpElement]]:
        """Yields source, number within the source, user, and the entry as a dump must show it."""
        for (
            source,
            place,
            kind,
            at_ms,
            number,
            command,
            user,
            symbol,
            file,
            cents,
            message,
            time,
            key,
        ) in self._database.rows(_LOG):
            fields = {"timestamp": at_ms, "server": source_name(source), "transactionNum": number, "username": user}
            if kind == "accountTransaction":
                fields |= {"action": "add" if cents > 0 else "remove", "funds": _money(cents)}
            elif kind == "quoteServer":
                fields |= {"price": _money(cents), "stockSymbol": symbol, "quoteServerTime": time, "cryptokey": key}
            else:
                fields |= {"command": command, "stockSymbol": symbol, "filename": file, "funds": _money(cents)}
                fields |= {{"errorEvent": "errorMessage", "debugEvent": "debugMessage"}.get(kind, "-"): message}
            shown = {name: str(value) for name, value in fields.items() if value not in (None, "")}
            yield source, place, user, self._entry(kind, shown)

    def _entry(self, kind: str, fields: dict[str, str]) -> DumpElement:
        key = (kind, *sorted(fields.items()))
        entry = self._entries.get(key)
        if entry is None:
            command = tuple(map(fields.get, _OF_COMMAND)) if kind == "userCommand" else None
            entry = self._entries[key] = DumpElement(kind, fields, int(fields["transactionNum"]), command)
        return entry


def _of_a_user(dumped: list[DumpElement], before: list[tuple]) -> Iterator[str]:
    """Compares a user's dump with the history: the commands that had taken effect, and the cash they add up to."""
    numbers = {number for kind, number, _ in before if kind == "command"}
    yield from (f"lacks transaction {number}" for number in sorted(numbers - _numbers(dumped)))
    yield from (
        f"holds transaction {number}, which follows the DUMPLOG" for number in sorted(_numbers(dumped) - numbers)
    )
    cash = sum(cents for *_, cents in before)
    logged = 0
    for fields in (entry.fields for entry in dumped if entry.kind == "accountTransaction"):
        logged += int(Decimal(fields["funds"]) * 100) * (1 if fields["action"] == "add" else -1)
    if logged != cash:
        yield f"adds up to {logged}, the cash was {cash}"


def _numbers(dumped: Iterable[DumpElement]) -> set[int]:
    return {entry.number for entry in dumped if entry.command is not None}


def _some(found: Iterable[str]) -> list[str]:
    """Returns the first violations, and how many more there are."""
    every = list(found)
    rest = [f"… and {len(every) - EXAMPLES_MAX:,} more"] if len(every) > EXAMPLES_MAX else []
    return every[:EXAMPLES_MAX] + rest


@functools.cache
def _given(one: WorkloadCommand) -> tuple:
    return (str(one.number), one.name, one.user, one.symbol, one.filename, _money(one.cents))


_OF_COMMAND = ("transactionNum", "command", "username", "stockSymbol", "filename", "funds")


def _money(cents: int | None) -> str | None:
    return None if cents is None else f"{Decimal(abs(cents)) / 100:.2f}"


_LOG = """
    SELECT source, number, kind::text, at_ms, transaction_number, command::text, user_id, symbol, filename, funds_cents,
           message, quote_server_time, cryptokey
    FROM audit_events WHERE kind <> 'marker'"""

_MARKERS = "SELECT source, number FROM dump_markers WHERE dump_id = %s"

# Rows of a user up to and including the DUMPLOG.
_BEFORE = """
    SELECT kind::text, transaction_number, cash_delta_cents FROM history
    WHERE user_id = %s AND seq <= (SELECT seq FROM history WHERE user_id = %s AND command_id = %s)"""

_QUOTES = """
    SELECT h.transaction_number, q.user_id = h.user_id AND q.transaction_number = h.transaction_number, q.cryptokey
    FROM history h JOIN quote_fetches q USING (quote_id) WHERE h.kind = 'command'"""
