"""One transaction of a worker: what it writes, and the messages that announce it."""

import pytest

from consumers.transactions import outgoing
from consumers.transactions.batch import DEAD_BYTES_MAX, Batch, PartitionOutput
from consumers.transactions.outgoing import messages_of, news_of
from rabbitmq.topology import AUDIT_EXCHANGE, TRIGGERS_EXCHANGE, trigger_key
from schema import codec
from schema.commands import CommandName
from schema.dead_letters import DeadLetter
from schema.events import (
    ENTRIES_PER_MESSAGE_MAX,
    AuditEntry,
    AuditKind,
    TriggerChange,
    trigger_partition_of,
)
from schema.outcomes import Outcome, Reason, Side
from tests.builders import T0, Trader, a_command, armed_to_buy


def numbered_entries(count: int) -> list[AuditEntry]:
    return [AuditEntry(AuditKind.DEBUG_EVENT, T0, number, CommandName.QUOTE) for number in range(1, count + 1)]


# Rows that the store will write


def test_an_order_that_comes_and_goes_in_one_batch_is_never_written():
    ann = Trader(cash=1_000)
    ann.does("BUY", 100, price=100)
    ann.does("CANCEL_BUY")
    assert (ann.batch.opened, ann.batch.closed) == ({}, set())


@pytest.mark.parametrize("ending", ["COMMIT_BUY", "CANCEL_BUY", "expiry"])
def test_an_order_of_an_earlier_batch_is_deleted_when_it_ends(ending):
    ann = Trader(cash=1_000)
    ann.does("BUY", 100, price=100)
    (order,) = ann.account.buys
    ann.batch = Batch()
    if ending == "expiry":
        ann.waits(60_000)
        ann.expire()
    else:
        ann.does(ending)
    assert (ann.batch.opened, ann.batch.closed) == ({}, {("ann", order.seq)})


def test_positions_and_trigger_orders_are_written_where_they_moved_only():
    ann = Trader(cash=1_000, shares={"HAS": 10})
    ann.does("BUY", 100, "ABC", price=100)
    assert ann.batch.positions == set()
    ann.does("COMMIT_BUY")
    ann.does("SET_SELL_AMOUNT", 100, "HAS")
    assert ann.batch.positions == {("ann", "ABC")}
    assert ann.batch.triggers == {("ann", ("HAS", Side.SELL))}
    ann.does("SET_SELL_TRIGGER", 50, "HAS")
    assert ann.batch.positions == {("ann", "ABC"), ("ann", "HAS")}


def test_a_rejection_is_a_row_and_moves_nothing():
    ann = Trader(cash=99)
    ann.is_refused("BUY", 100, price=100)
    (row,) = ann.batch.rows
    assert (row.user, row.seq, row.decision.outcome) == ("ann", 1, Outcome.REJECTED)
    assert not (ann.batch.positions or ann.batch.triggers or ann.batch.opened or ann.batch.closed)
    assert ann.batch.accounts == {"ann": ann.account}


def test_an_expiry_has_an_id_of_its_own_order_that_no_command_can_have():
    ann = Trader(cash=1_000)
    ann.does("BUY", 100, price=100)
    ann.does("BUY", 100, price=100)
    ann.waits(60_000)
    ann.expire()
    ids = [row.command_id for row in ann.batch.rows]
    assert len(set(ids)) == 4
    assert {len(each) for each in ids} == {16}


# Audit entries that are published


def test_entries_go_out_in_bounded_messages_numbered_without_gaps():
    entries = numbered_entries(2 * ENTRIES_PER_MESSAGE_MAX + 1)
    messages = messages_of(3, PartitionOutput(entries=entries), first_number=101)
    decoded = [codec.decode_audit(message.body) for message in messages]
    assert {(message.exchange, message.mandatory) for message in messages} == {(AUDIT_EXCHANGE, True)}
    assert [(m.source, m.first_number, len(m.entries)) for m in decoded] == [
        (3, 101, ENTRIES_PER_MESSAGE_MAX),
        (3, 101 + ENTRIES_PER_MESSAGE_MAX, ENTRIES_PER_MESSAGE_MAX),
        (3, 101 + 2 * ENTRIES_PER_MESSAGE_MAX, 1),
    ]
    assert [entry for message in decoded for entry in message.entries] == entries


def test_a_batch_without_entries_publishes_none():
    assert messages_of(3, PartitionOutput(), first_number=1) == []


def test_changes_of_trigger_orders_go_to_the_worker_of_their_symbol_in_order():
    changes = [TriggerChange("ann", symbol, Side.BUY, n, 5, 5, 0, n) for n, symbol in enumerate("ABCDEFGHABC", 1)]
    heard: dict[str, list[int]] = {}
    for message in messages_of(0, PartitionOutput(changes=changes), first_number=1):
        assert message.exchange == TRIGGERS_EXCHANGE
        for change in codec.decode_triggers(message.body).changes:
            assert message.routing_key == trigger_key(trigger_partition_of(change.symbol))
            heard.setdefault(change.symbol, []).append(change.version)
    assert heard == {symbol: [c.version for c in changes if c.symbol == symbol] for symbol in "ABCDEFGH"}


def test_a_batch_takes_messages_until_it_has_its_rows_or_its_bytes_of_dead_letters():
    batch = Batch()
    batch.add_dead_letter(3, DeadLetter("commands.03", 17, "why", DEAD_BYTES_MAX, b"x" * (DEAD_BYTES_MAX - 1)))
    assert batch.has_room(1) and not batch.has_room(0)
    batch.add_dead_letter(4, DeadLetter("commands.04", 18, "why", 2, b"x"))
    assert not batch.has_room(1)
    assert [[letter.offset for letter in output.dead] for output in batch.outputs.values()] == [[17], [18]]


# News for clients that wait or watch


def test_the_outcome_is_sent_to_the_commands_reply_queue():
    ann = Trader(cash=99)
    command = a_command("BUY", 100)
    row = ann.applied(ann.decide(command, None), command.command_id, T0)
    ann.batch.add_command(0, ann.account, command, row, reply_to=["amq.gen-7"])
    reply, changed = news_of(0, ann.batch.outputs[0])
    assert (reply.routing_key, reply.mandatory) == ("amq.gen-7", False)
    (answer,) = codec.decode_replies(reply.body).replies
    assert (answer.command_id, answer.user) == (command.command_id, "ann")
    assert (answer.outcome, answer.reason) == (Outcome.REJECTED, Reason.TOO_LITTLE_CASH)
    assert codec.decode_accounts_changed(changed.body).users == ["ann"]


def test_commands_without_a_reply_queue_cause_no_reply():
    ann = armed_to_buy()
    (changed,) = news_of(0, ann.batch.outputs[0])
    assert codec.decode_accounts_changed(changed.body).users == ["ann"]


def test_news_goes_out_in_messages_of_bounded_size_and_in_order(monkeypatch):
    monkeypatch.setattr(outgoing, "NEWS_PER_MESSAGE_MAX", 2)
    changes = [TriggerChange("ann", "A", Side.BUY, n, 5, 5, 0, n) for n in range(1, 6)]
    bodies = [message.body for message in messages_of(0, PartitionOutput(changes=changes), first_number=1)]
    versions = [[change.version for change in codec.decode_triggers(body).changes] for body in bodies]
    assert versions == [[1, 2], [3, 4], [5]]
    bodies = [message.body for message in news_of(0, PartitionOutput(users={"ann", "bob", "eve"}))]
    assert [codec.decode_accounts_changed(body).users for body in bodies] == [["ann", "bob"], ["eve"]]
