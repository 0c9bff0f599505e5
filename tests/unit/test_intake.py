"""Messages from a partition's stream: decoded, checked, and marked if they must be looked up."""

import itertools

import pytest
from msgspec.structs import replace

from consumers.transactions.intake import Intake
from rabbitmq.roles import ANYBODY
from rabbitmq.stream_consumer import Delivery
from schema import codec
from schema.commands import NO_USER, VERSION, Command, CommandBatch, DumpMarker, FillBatch, command_id, partition_of
from schema.outcomes import Reason
from tests.builders import a_command, a_fill

ANNS = partition_of("ann")
NO_USERS_PARTITION = partition_of(NO_USER)


def a_batch(*commands: Command) -> CommandBatch:
    return CommandBatch(VERSION, 0, list(commands))


def an_intake(*messages, partition: int = ANNS, doubtful_until: int = -1, republished: tuple[int, ...] = ()) -> Intake:
    """Makes an intake with these messages at offsets 0, 1, 2, …"""
    intake = Intake(partition, doubtful_until)
    for offset, message in enumerate(messages):
        body = message if isinstance(message, bytes) else codec.encode(message)
        intake.put(Delivery(offset, body, offset in republished, tag=offset, sender=ANYBODY))
    return intake


def an_add() -> Command:
    return a_command("ADD", 5)


def test_the_test_user_is_not_in_the_partition_of_commands_without_user():
    assert ANNS != NO_USERS_PARTITION


def test_messages_arrive_in_their_order():
    messages = [a_batch(an_add(), an_add()), FillBatch(VERSION, 0, [a_fill(5, 1)]), a_batch(an_add())]
    intake = an_intake(*messages)
    assert [arrival.message for arrival in intake.arrivals] == messages
    assert intake.newest_offset == 2


@pytest.mark.parametrize(
    "body",
    [
        b"garbage",
        codec.encode(a_batch()),
        codec.encode(FillBatch(VERSION, 0, [])),
        codec.encode(a_batch(an_add(), a_command("ADD", 5, user="bob"))),
        codec.encode(a_batch(a_command("ADD", None, user=None, defect=Reason.BAD_ARGUMENTS))),
    ],
    ids=["garbage", "no commands", "no fills", "a user of another partition", "nobody in another partition"],
)
def test_a_message_that_cannot_be_taken_says_why_and_the_log_moves_on(body):
    assert partition_of("bob") != ANNS
    intake = an_intake(body, a_batch(an_add()))
    undecodable, good = intake.arrivals
    assert (undecodable.message, undecodable.requests, undecodable.users) == (None, (), set())
    assert (undecodable.dead.id, undecodable.dead.body) == (f"commands.{ANNS:02d}/0", body)
    assert undecodable.dead.reason
    assert len(good.requests) == 1


def test_offsets_that_an_owner_before_had_touched_are_looked_up():
    intake = an_intake(*(a_batch(an_add()) for _ in range(3)), doubtful_until=1)
    assert [arrival.must_be_looked_up for arrival in intake.arrivals] == [True, True, False]


def test_messages_with_the_mark_of_a_possible_duplicate_are_looked_up():
    intake = an_intake(*(a_batch(an_add()) for _ in range(3)), republished=(1,))
    assert [arrival.must_be_looked_up for arrival in intake.arrivals] == [False, True, False]


def test_an_arrival_names_everybody_whose_account_it_needs():
    neighbour = next(name for n in itertools.count() if partition_of(name := f"user{n}") == ANNS)
    intake = an_intake(a_batch(an_add(), a_command("ADD", 5, user=neighbour), an_add()))
    assert intake.arrivals[0].users == {"ann", neighbour}


@pytest.mark.parametrize(
    ("ids", "rises"),
    [
        ([(7, 1), (7, 2), (7, 9)], True),
        ([(7, 1)], True),
        ([(7, 1), (7, 1)], False),
        ([(7, 1), (7, 3), (7, 2)], False),
        ([(7, 2), (7, 3), (7, 2)], False),
        ([(6, 1), (7, 2)], False),
        ([(7, 1), (8, 1), (7, 9)], False),
    ],
)
def test_the_numbers_of_one_source_rise_in_a_message_or_not(ids, rises):
    requests = [replace(an_add(), command_id=command_id(source, number)) for source, number in ids]
    assert an_intake(a_batch(*requests)).arrivals[0].rises is rises


def a_marker() -> DumpMarker:
    return DumpMarker(VERSION, 0, a_command("DUMPLOG", user=None))


def test_a_marker_is_checked_and_executed_in_the_partition_of_commands_without_user():
    (arrival,) = an_intake(a_marker(), partition=NO_USERS_PARTITION).arrivals
    assert (arrival.judged, arrival.users) == (arrival.requests, {NO_USER})


def test_other_partitions_only_pass_a_marker_on_and_a_fill_is_recognised_by_its_version():
    marker, fills = an_intake(a_marker(), FillBatch(VERSION, 0, [a_fill(5, 1)])).arrivals
    assert (len(marker.requests), marker.judged, marker.users) == (1, (), set())
    assert (len(fills.requests), fills.judged, fills.users) == (1, (), {"ann"})


@pytest.mark.parametrize(("doubtful_until", "republished"), [(0, ()), (-1, (0,))], ids=["touched", "republished"])
def test_a_marker_that_is_only_passed_on_is_never_looked_up(doubtful_until, republished):
    """The history row is in another partition, so it does not show whether this one has passed the marker on."""
    (elsewhere,) = an_intake(a_marker(), doubtful_until=doubtful_until, republished=republished).arrivals
    (at_home,) = an_intake(
        a_marker(), partition=NO_USERS_PARTITION, doubtful_until=doubtful_until, republished=republished
    ).arrivals
    assert (elsewhere.must_be_looked_up, at_home.must_be_looked_up) == (False, True)
