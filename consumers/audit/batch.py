"""What one transaction of the audit log will hold, gathered delivery by delivery. No I/O and no clock."""

from dataclasses import dataclass, field

from consumers.audit.copy_lines import copy_lines
from consumers.audit.numbering import Numbering, Run
from rabbitmq.topology import AUDIT_STREAM
from schema import codec
from schema.dead_letters import DeadLetter, dead_letter
from schema.errors import DecodeError
from schema.events import AuditEntry, AuditKind

_MARKER = AuditKind.MARKER


@dataclass(frozen=True, slots=True)
class Marker:
    """The place of a DUMPLOG in a source's numbering. Without user, the dump is that of the whole log."""

    dump_id: str
    source: int
    number: int
    user: str | None
    filename: str


@dataclass
class Batch:
    """`position` and `high` are those of the log once this is stored; `stored` the newest number of each source.

    `rows` of each source in the order of their numbers, as COPY takes them and as the chain is computed over them.
    `dead`: messages that are none of the contract.
    """

    position: int
    high: int
    rows: dict[int, list[bytes]] = field(default_factory=dict)
    entries: int = 0
    stored: dict[int, int] = field(default_factory=dict)
    markers: list[Marker] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    tags: list[int] = field(default_factory=list)

    def add(self, numbering: Numbering, offset: int, body: bytes, tag: int) -> None:
        """Takes a delivery in. Raises AuditGap."""
        self.tags.append(tag)
        try:
            message = codec.decode_audit(body)
        except DecodeError as error:
            self.bury(offset, body, str(error))
        else:
            for run in numbering.take(offset, message):
                self._add_run(run)
        held_from = numbering.held_from
        self.position = offset + 1 if held_from is None else held_from
        self.high = max(self.high, offset)

    def bury(self, offset: int, body: bytes, reason: str) -> None:
        """Takes up a message that may not become part of the log."""
        # Offsets up to `high` were here before, and the transaction that stored this `high` has kept the letter.
        if offset > self.high:
            self.dead.append(dead_letter(AUDIT_STREAM, offset, body, reason))

    def _add_run(self, run: Run) -> None:
        lines = copy_lines(run.source, run.first_number, run.entries)
        self.rows.setdefault(run.source, []).append(lines.encode())
        self.entries += len(run.entries)
        self.stored[run.source] = run.first_number + len(run.entries) - 1
        self.markers += [
            _marker(run.source, number, entry)
            for number, entry in enumerate(run.entries, run.first_number)
            if entry.kind is _MARKER
        ]


def _marker(source: int, number: int, entry: AuditEntry) -> Marker:
    assert entry.message and entry.filename, "decoding lets no marker through without them"
    return Marker(entry.message, source, number, entry.user, entry.filename)
