"""What a partition's stream delivers: read, checked, and looked up where it may be done already (design §2)."""

import pytest

from consumers.transactions.intake import Arrival, Doubt, Intake
from rabbitmq.stream_consumer import Delivery
from schema import codec
from schema.commands import NOBODY, VERSION, Command, CommandBatch, DumpMarker, FillBatch, partition_of
from schema.outcomes import Reason
from tests.builders import a_command, a_fill

ANNS = partition_of("ann")
NOBODYS = partition_of(NOBODY)


def a_batch(*commands: Command) -> CommandBatch:
    return CommandBatch(VERSION, 0, list(commands))


def an_intake(*messages, partition: int = ANNS, doubtful_until: int = -1, republished: tuple[int, ...] = ()) -> Intake:
    """With these messages at offsets 0, 1, 2, …"""
    intake = Intake(partition, doubtful_until)
    for offset, message in enumerate(messages):
        body = message if isinstance(message, bytes) else codec.encode(message)
        intake.put(Delivery(offset, body, offset in republished, tag=offset))
    return intake


def an_add() -> Command:
    return a_command("ADD", 5)


def let_through(arrivals: list[Arrival]) -> list[list[Command]]:
    return [arrival.orders for arrival in arrivals]


def test_the_test_users_partition_is_not_nobodys():
    assert ANNS != NOBODYS


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
    poison, good = intake.arrivals
    assert (poison.message, poison.orders) == (None, [])
    assert (poison.dead.id, poison.dead.body) == (f"commands.{ANNS:02d}/0", body)
    assert poison.dead.reason
    assert len(good.orders) == 1


def test_offsets_that_an_owner_before_had_touched_are_doubtful():
    intake = an_intake(*(a_batch(an_add()) for _ in range(3)), doubtful_until=1)
    assert [arrival.doubt for arrival in intake.arrivals] == [Doubt.TOUCHED, Doubt.TOUCHED, Doubt.NONE]


def test_what_its_publisher_says_it_may_have_published_before_is_doubtful():
    intake = an_intake(*(a_batch(an_add()) for _ in range(3)), republished=(1,))
    assert [arrival.doubt for arrival in intake.arrivals] == [Doubt.NONE, Doubt.REPUBLISHED, Doubt.NONE]


def test_all_touched_ones_at_the_front_are_looked_up_together_and_a_republished_one_alone():
    messages = [a_batch(an_add()) for _ in range(4)]
    intake = an_intake(*messages, doubtful_until=3, republished=(2,))
    assert len(intake.first_doubtful()) == 2
    for _ in range(2):
        intake.arrivals.popleft()
    assert [arrival.delivery.offset for arrival in intake.first_doubtful()] == [2]


def test_what_is_done_is_taken_out_and_the_rest_may_run_in_its_order():
    commands = [an_add() for _ in range(4)]
    intake = an_intake(a_batch(*commands[:2]), a_batch(*commands[2:]), doubtful_until=1)
    intake.settle(intake.first_doubtful(), {commands[0].command_id, commands[2].command_id})
    assert let_through(list(intake.arrivals)) == [[commands[1]], [commands[3]]]
    assert all(arrival.doubt is Doubt.NONE for arrival in intake.arrivals)


def test_a_second_copy_does_not_run_beside_the_first_that_was_let_through():
    command = an_add()
    intake = an_intake(a_batch(command), a_batch(command), doubtful_until=1)
    intake.settle(intake.first_doubtful(), set())
    assert let_through(list(intake.arrivals)) == [[command], []]


def test_a_republished_copy_of_what_was_let_through_does_not_run():
    command = an_add()
    intake = an_intake(a_batch(command), a_batch(command), doubtful_until=0, republished=(1,))
    intake.settle(intake.first_doubtful(), set())
    intake.arrivals.popleft()
    intake.settle(intake.first_doubtful(), set())
    assert let_through(list(intake.arrivals)) == [[]]


@pytest.mark.parametrize("republished", [(), (0,)])
def test_a_command_that_stands_twice_in_one_message_runs_once(republished):
    """Published twice within the publisher's linger: both copies go out in one message.

    The history refuses the second one, the worker starts anew and looks everything up: here it must be found.
    """
    command = an_add()
    intake = an_intake(a_batch(command, command), doubtful_until=0, republished=republished)
    intake.settle(intake.first_doubtful(), set())
    assert let_through(list(intake.arrivals)) == [[command]]


def a_marker() -> DumpMarker:
    return DumpMarker(VERSION, 0, a_command("DUMPLOG", user=None))


def test_a_marker_is_executed_once_in_nobodys_partition():
    marker = a_marker()
    intake = an_intake(marker, partition=NOBODYS, doubtful_until=0)
    intake.settle(intake.first_doubtful(), {marker.command.command_id})
    assert let_through(list(intake.arrivals)) == [[]]


def test_a_marker_is_always_passed_on_elsewhere():
    marker = a_marker()
    intake = an_intake(marker, doubtful_until=0)
    intake.settle(intake.first_doubtful(), {marker.command.command_id})
    assert let_through(list(intake.arrivals)) == [[marker.command]]
