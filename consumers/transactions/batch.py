"""Contents of one database transaction: the scheduler fills it, the store writes it, the worker publishes it.

It only collects. Nothing here decides, and nothing here does I/O.
"""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field

from consumers.transactions import entries
from consumers.transactions.account import Account, DecidedRow, Decision, PendingOrder
from schema.commands import Command, expiry_id
from schema.dead_letters import DeadLetter
from schema.events import AuditEntry, Reply, TriggerChange
from schema.filenames import dump_path
from schema.outcomes import Side

DEAD_BYTES_MAX = 8_000_000
"""Bytes of undecodable messages after which a batch takes no further message.

Postgres must be able to store them within the time limit of one statement (5 s); a larger batch would fail each time.
"""


@dataclass(slots=True)
class PartitionOutput:
    """Output of a batch for one partition: what the worker stores and publishes beside the history rows."""

    entries: list[AuditEntry] = field(default_factory=list)
    changes: list[TriggerChange] = field(default_factory=list)
    """Changes of orders that are or were armed. Trigger workers have no use for others, which are nearly all."""
    dead: list[DeadLetter] = field(default_factory=list)
    users: set[str] = field(default_factory=set)
    replies: dict[str, list[Reply]] = field(default_factory=dict)
    """Replies by the queue in which their client waits."""


class Batch:
    """Rows in order of effect; changed accounts, positions and trigger orders; pending orders opened and closed."""

    def __init__(self) -> None:
        self.rows: list[DecidedRow] = []
        self.accounts: dict[str, Account] = {}
        self.positions: set[tuple[str, str]] = set()
        self.triggers: set[tuple[str, tuple[str, Side]]] = set()
        self.opened: dict[tuple[str, int], PendingOrder] = {}
        self.closed: set[tuple[str, int]] = set()
        self.outputs: dict[int, PartitionOutput] = {}
        """Output of each partition that the batch touches."""
        self._dead_bytes = 0
        self._row_of: dict[tuple[str, bytes], DecidedRow] = {}
        """Index of the first `_found` rows, by user and command id."""
        self._found = 0

    def has_room(self, rows_max: int) -> bool:
        """Whether the batch may take one more message."""
        return len(self.rows) < rows_max and self._dead_bytes < DEAD_BYTES_MAX

    def add_dead_letter(self, partition: int, letter: DeadLetter) -> None:
        """Adds an undecodable message, to be stored as a dead letter."""
        self._touch(partition).dead.append(letter)
        self._dead_bytes += len(letter.body)

    def add_command(
        self, partition: int, account: Account, command: Command, row: DecidedRow, reply_to: Iterable[str] = ()
    ) -> None:
        """Adds a command that was decided and applied to its account."""
        output = self._touch(partition)
        entries.log_command(output.entries, command, row)
        filename = row.decision.filename
        if filename is not None and command.user is not None:
            output.entries.append(entries.marker(command, filename, row.at_ms))
        self._add(output, account, row)
        for queue in reply_to:
            self.answer(partition, queue, _reply(row))

    def answer(self, partition: int, queue: str, reply: Reply) -> None:
        """Adds a reply, which the worker sends to this queue once the batch is committed."""
        self._touch(partition).replies.setdefault(queue, []).append(reply)

    def reply_to_copy(self, key: tuple[str, bytes]) -> Reply | None:
        """Reply with the outcome of the command of this user and id; None if this batch does not hold it."""
        for row in itertools.islice(self.rows, self._found, None):
            self._row_of[row.user, row.command_id] = row
        self._found = len(self.rows)
        found = self._row_of.get(key)
        return None if found is None else _reply(found)

    def add_marker(self, partition: int, command: Command, at_ms: int) -> None:
        """Adds the log entry of a root DUMPLOG's marker. Adds nothing if the file name is not valid.

        Call it when all commands before the marker in the partition are done.
        """
        assert command.filename is not None, command
        path = dump_path(command.filename)
        if path is not None:
            self._touch(partition).entries.append(entries.marker(command, path, at_ms))

    def add_fill(self, partition: int, account: Account, row: DecidedRow) -> None:
        """Adds a trigger order's fill that took effect."""
        output = self._touch(partition)
        entries.log_changes(output.entries, row)
        self._add(output, account, row)

    def add_expiry(self, partition: int, account: Account, at_ms: int, decision: Decision) -> None:
        """Adds a pending order's expiry. Its id is made from the order's number, so no order can expire twice."""
        order = decision.closed
        assert order is not None, decision
        seq = account.history_seq
        row = DecidedRow(account.user, seq, expiry_id(order.seq), order.expires_at_ms, at_ms, decision)
        output = self._touch(partition)
        entries.log_expiry(output.entries, row)
        self._add(output, account, row)

    def _touch(self, partition: int) -> PartitionOutput:
        """Makes the partition part of the batch, unless it is already; returns the output to add to."""
        output = self.outputs.get(partition)
        if output is None:
            output = self.outputs[partition] = PartitionOutput()
        return output

    def _add(self, output: PartitionOutput, account: Account, row: DecidedRow) -> None:
        user, decision = row.user, row.decision
        assert user == account.user and row.seq == account.history_seq, row
        self.rows.append(row)
        self.accounts[user] = account
        output.users.add(user)
        if decision.shares_delta or decision.reserved_shares_delta:
            assert decision.symbol is not None, decision
            self.positions.add((user, decision.symbol))
        if decision.opened is not None:
            self.opened[user, decision.opened.seq] = decision.opened
        if decision.closed is not None and self.opened.pop((user, decision.closed.seq), None) is None:
            self.closed.add((user, decision.closed.seq))
        if decision.trigger_key is not None:
            self.triggers.add((user, decision.trigger_key))
            order = decision.trigger_order
            if decision.disarms or (order is not None and order.trigger_cents is not None):
                output.changes.append(entries.trigger_change(row))


def _reply(row: DecidedRow) -> Reply:
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
