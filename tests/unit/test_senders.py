"""Messages of logs by their senders: each kind counts only if a role published it that may publish it."""

import pytest

from consumers.audit.batch import AuditBatch
from consumers.transactions.intake import Intake
from rabbitmq.roles import BrokerRole, sender_of
from rabbitmq.stream_consumer import Delivery
from schema.codec import encode
from schema.commands import NO_USER, VERSION, CommandBatch, CommandName, DumpMarker, FillBatch, partition_of
from schema.events import QUOTECACHE_SOURCE, AuditEntry, AuditKind, AuditMessage
from tests.builders import a_command, a_fill

ENTRY = AuditEntry(AuditKind.USER_COMMAND, 1, 1, CommandName.QUOTE, "ann", "ABC")
DUMP = a_command("DUMPLOG", user=None)

COMMANDERS = {BrokerRole.WEB, BrokerRole.PRODUCERS, BrokerRole.OPERATOR}

LOG_MESSAGES = {
    "commands": (CommandBatch(VERSION, 1, [a_command("ADD", 5)]), COMMANDERS),
    "fills": (FillBatch(VERSION, 1, [a_fill(100, 1)]), {BrokerRole.TRIGGERS}),
    "markers": (DumpMarker(VERSION, 1, DUMP), COMMANDERS),
}
"""A message of each kind in a command log, and the users who may publish it."""

ENTRIES = {
    3: {BrokerRole.TRANSACTIONS, BrokerRole.OPERATOR},
    QUOTECACHE_SOURCE: {BrokerRole.QUOTECACHE, BrokerRole.OPERATOR},
}
"""Users who may publish entries of a source."""

USERS = [*BrokerRole, "stranger", None]


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("kind", LOG_MESSAGES)
def test_a_message_of_a_command_log_counts_only_from_a_role_that_may_publish_it(kind, user):
    message, publishers = LOG_MESSAGES[kind]
    intake = Intake(partition_of(NO_USER if kind == "markers" else "ann"), -1)
    intake.put(Delivery(0, encode(message), False, 1, sender_of(BrokerRole.TRANSACTIONS, user)))
    (arrival,) = intake.arrivals
    assert (arrival.message is not None) == (user in publishers)
    assert (arrival.dead is not None and arrival.dead.is_forged) == (user not in publishers)


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("source", ENTRIES)
def test_audit_entries_count_only_from_the_role_of_their_source(source, user):
    batch = AuditBatch(0, -1)
    batch.add(
        Delivery(0, encode(AuditMessage(VERSION, source, 1, [ENTRY])), False, 1, sender_of(BrokerRole.AUDIT, user))
    )
    assert len(batch.arrivals) == (user in ENTRIES[source])
    assert [letter.is_forged for letter in batch.dead] == [True] * (user not in ENTRIES[source])


@pytest.mark.parametrize("user", USERS)
def test_where_one_user_has_all_rights_every_message_counts(user):
    intake = Intake(partition_of("ann"), -1)
    intake.put(Delivery(0, encode(LOG_MESSAGES["fills"][0]), False, 1, sender_of("guest", user)))
    assert intake.arrivals[0].message is not None
