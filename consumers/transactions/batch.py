"""What one database transaction will hold: filled by the scheduler, written by the store, published by the worker.

Only accumulates. Nothing here decides, and nothing here does I/O.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field

from consumers.transactions import entries
from consumers.transactions.account import Account, Decision, PendingOrder
from schema.commands import Command, expiry_id
from schema.dead_letters import DeadLetter
from schema.events import AuditEntry, Reply, TriggerChange
from schema.filenames import dump_path
from schema.outcomes import Side


@dataclass(slots=True)
class Row:
    """A decision with what its history row needs beside it."""

    user: str
    seq: int
    command_id: bytes
    published_at_ms: int
    at_ms: int
    decision: Decision
    waited_since_ms: int | None = None


DEAD_BYTES_MAX = 8_000_000
"""Bytes of unreadable messages that one batch keeps; the message that reaches this is the batch's last one.

More of them than Postgres stores in the time of one statement (5 s) would fail for ever.
"""


@dataclass(slots=True)
class Share:
    """A partition's part of a batch: what it will tell others."""

    entries: list[AuditEntry] = field(default_factory=list)
    changes: list[TriggerChange] = field(default_factory=list)
    dead: list[DeadLetter] = field(default_factory=list)
    users: set[str] = field(default_factory=set)
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    """By the queue in which they are waited for."""


class Batch:
    """Rows in order of effect; touched accounts, positions and trigger orders; pending orders that came and went."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.accounts: dict[str, Account] = {}
        self.positions: set[tuple[str, str]] = set()
        self.triggers: set[tuple[str, tuple[str, Side]]] = set()
        self.opened: dict[tuple[str, int], PendingOrder] = {}
        self.closed: set[tuple[str, int]] = set()
        self.shares: dict[int, Share] = {}
        self._dead_bytes = 0
        self._row_of: dict[tuple[str, bytes], Row] = {}
        """By user and command id; of the first `_found` rows."""
        self._found = 0

    def has_room(self, rows_max: int) -> bool:
        """Whether one more message may be taken up."""
        return len(self.rows) < rows_max and self._dead_bytes < DEAD_BYTES_MAX

    def bury(self, partition: int, letter: DeadLetter) -> None:
        """Takes up a message that cannot be read."""
        self.share(partition).dead.append(letter)
        self._dead_bytes += len(letter.body)

    def share(self, partition: int) -> Share:
        """What this batch holds for a partition; being asked for makes it part of the batch."""
        share = self.shares.get(partition)
        if share is None:
            share = self.shares[partition] = Share()
        return share

    def add_command(
        self,
        partition: int,
        account: Account,
        command: Command,
        published_at_ms: int,
        at_ms: int,
        decision: Decision,
        reply_to: Iterable[str] = (),
        waited_since_ms: int | None = None,
    ) -> None:
        """A command that was decided and applied. `waited_since_ms`: when its turn came, if it then lacked a quote."""
        share = self.share(partition)
        entries.log_command(share.entries, command, decision, published_at_ms, at_ms)
        if decision.filename is not None and command.user is not None:
            share.entries.append(entries.marker(command, decision.filename, at_ms))
        self._add(share, account, command.command_id, published_at_ms, at_ms, decision, waited_since_ms)
        for queue in reply_to:
            self.answer(partition, queue, _reply(self.rows[-1]))

    def answer(self, partition: int, queue: str, reply: Reply) -> None:
        """Lets this queue have the outcome of a command, once the batch is committed."""
        self.share(partition).replies.setdefault(queue, []).append(reply)

    def reply_to_copy(self, key: tuple[str, bytes]) -> Reply | None:
        """The outcome of the command of this user and id, if this batch holds it."""
        for row in itertools.islice(self.rows, self._found, None):
            self._row_of[row.user, row.command_id] = row
        self._found = len(self.rows)
        found = self._row_of.get(key)
        return None if found is None else _reply(found)

    def add_marker(self, partition: int, command: Command, at_ms: int) -> None:
        """A root DUMPLOG that all before it in the partition is done for; a bad file name has no dump."""
        assert command.filename is not None, command
        path = dump_path(command.filename)
        if path is not None:
            self.share(partition).entries.append(entries.marker(command, path, at_ms))

    def add_fill(
        self, partition: int, account: Account, command_id: bytes, published_at_ms: int, at_ms: int, decision: Decision
    ) -> None:
        """A trigger order's fill that took effect."""
        share = self.share(partition)
        entries.log_changes(share.entries, account.user, decision, at_ms)
        self._add(share, account, command_id, published_at_ms, at_ms, decision)

    def add_expiry(self, partition: int, account: Account, at_ms: int, decision: Decision) -> None:
        """A pending order's expiry. Its id says which order: nobody can expire one twice."""
        share = self.share(partition)
        entries.log_expiry(share.entries, account.user, decision, at_ms)
        order = decision.closed
        assert order is not None, decision
        self._add(share, account, expiry_id(order.seq), order.expires_at_ms, at_ms, decision)

    def _add(
        self,
        share: Share,
        account: Account,
        command_id: bytes,
        published_at_ms: int,
        at_ms: int,
        decision: Decision,
        waited_since_ms: int | None = None,
    ) -> None:
        user, seq = account.user, account.history_seq
        self.rows.append(Row(user, seq, command_id, published_at_ms, at_ms, decision, waited_since_ms))
        self.accounts[user] = account
        share.users.add(user)
        if decision.shares_delta or decision.reserved_shares_delta:
            assert decision.symbol is not None, decision
            self.positions.add((user, decision.symbol))
        if decision.opened is not None:
            self.opened[user, decision.opened.seq] = decision.opened
        if decision.closed is not None and self.opened.pop((user, decision.closed.seq), None) is None:
            self.closed.add((user, decision.closed.seq))
        if decision.trigger_key is not None:
            self.triggers.add((user, decision.trigger_key))
            share.changes.append(entries.trigger_change(user, decision, seq))


def _reply(row: Row) -> Reply:
    d = row.decision
    return Reply(
        row.command_id,
        row.user or None,
        row.seq,
        d.outcome,
        d.reason,
        d.symbol,
        d.amount_cents,
        d.price_cents,
        row.at_ms,
        d.newest_order_seq,
    )
