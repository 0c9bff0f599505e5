"""Recognition of commands that are surely new, by the newest id of each source.

`tests/property/test_scheduler_order` tests arbitrary copies, deaths and orders.
"""

from msgspec.structs import replace

from consumers.transactions import sources
from consumers.transactions.account import Account
from consumers.transactions.intake import HEAD_BYTES, Arrival, Intake
from consumers.transactions.sources import Sources
from rabbitmq.roles import ANYBODY
from rabbitmq.stream_consumer import Delivery
from schema import codec
from schema.commands import VERSION, Command, CommandBatch, command_id, partition_of
from tests.builders import a_command

HEAD = command_id(7, 0)[:HEAD_BYTES]


class Judge:
    """Sources of a partition, and the user ann. `rows`: the number of her history rows, as her account states it."""

    def __init__(self, rows: int = 0, **limits: int):
        self.sources = Sources(**limits)
        self.accounts = {"ann": Account("ann", history_seq=rows)}
        self.offset = -1

    def strangers(self, *ids: tuple[int, int]) -> list:
        """Returns the users, with source, whose newest id must be looked up before these commands are judged."""
        self.arrival = self._arrival([replace(a_command("ADD", 5), command_id=command_id(*one)) for one in ids])
        return self.sources.strangers(self.arrival, self.accounts)

    def may_be_copies(self, *ids: tuple[int, int]) -> bool:
        """Whether a message with commands of (source, number) may hold copies, if the history holds none of them."""
        strangers = self.strangers(*ids)
        if not strangers and self.sources.continues(self.arrival):
            return False
        for stranger in strangers:
            self.sources.introduce(*stranger, None)
        return self.sources.may_hold_copies(self.arrival)

    def _arrival(self, commands: list[Command]) -> Arrival:
        self.offset += 1
        intake = Intake(partition_of("ann"), -1)
        intake.put(Delivery(self.offset, codec.encode(CommandBatch(VERSION, 0, commands)), False, self.offset, ANYBODY))
        return intake.arrivals[0]


def test_rising_numbers_of_a_source_are_new():
    judge = Judge()
    assert [judge.may_be_copies(*ids) for ids in ([(7, 1), (7, 2)], [(7, 5)], [(7, 6), (7, 9)])] == [False] * 3


def test_an_id_not_above_the_newest_may_be_a_copy():
    judge = Judge()
    judge.may_be_copies((7, 4), (7, 6))
    assert [judge.may_be_copies((7, n)) for n in (6, 5, 1, 7)] == [True, True, True, False]


def test_a_message_that_reaches_below_and_above_the_newest_may_hold_copies_and_its_last_is_the_newest_then():
    judge = Judge()
    judge.may_be_copies((7, 4))
    assert judge.may_be_copies((7, 3), (7, 8))
    assert [judge.may_be_copies((7, n)) for n in (8, 9)] == [True, False]


def test_the_same_id_twice_in_a_message_may_be_a_copy():
    assert Judge().may_be_copies((7, 1), (7, 1))


def test_a_message_continues_a_source_that_knows_all_its_users():
    judge = Judge()
    judge.strangers((7, 1))
    assert judge.sources.continues(judge.arrival)
    assert not judge.sources.continues(judge.arrival), "the message now counts as a copy of itself"
    judge.strangers((7, 2))
    judge.sources.forget(next_offset=9)
    judge.arrival.users.add("somebody else")
    assert not judge.sources.continues(judge.arrival)


def test_sources_do_not_know_of_each_other():
    judge = Judge()
    assert not judge.may_be_copies((7, 5), (9, 5), (8, 5))
    assert not judge.may_be_copies((8, 6), (7, 6))
    assert judge.may_be_copies((9, 5), (7, 7))


def test_a_user_with_a_history_is_looked_up_once_for_each_source():
    judge = Judge(rows=3)
    assert judge.strangers((7, 1), (7, 2)) == [("ann", HEAD)]
    judge.sources.introduce("ann", HEAD, None)
    assert judge.strangers((7, 3)) == []
    assert judge.strangers((7, 4), (8, 1)) == [("ann", command_id(8, 0)[:HEAD_BYTES])]


def test_a_user_without_a_history_is_not_looked_up():
    judge = Judge()
    assert judge.strangers((7, 1)) == judge.strangers((8, 1), (7, 2)) == []


def test_an_id_at_or_below_one_in_the_history_may_be_a_copy():
    judge = Judge(rows=3)
    judge.strangers((7, 5))
    judge.sources.introduce("ann", HEAD, command_id(7, 5))
    assert judge.sources.may_hold_copies(judge.arrival)
    assert not judge.may_be_copies((7, 6))


def test_sources_unused_for_long_are_forgotten_once_their_commands_are_committed():
    judge = Judge(sources_max=1)
    judge.may_be_copies((7, 1))
    judge.may_be_copies((8, 1))
    judge.may_be_copies((7, 2))
    judge.may_be_copies((9, 1))
    judge.accounts["ann"].history_seq = 4
    judge.sources.forget(next_offset=2)
    assert judge.strangers((7, 3)) == [], "its newest message is at offset 2, which is not committed"
    assert judge.strangers((8, 2)) != []
    judge.sources.forget(next_offset=9)
    assert judge.strangers((9, 2)) != []


def test_a_source_with_a_command_on_its_way_is_never_forgotten():
    """Otherwise a copy of that command would count as new: the history holds neither it nor any later one."""
    judge = Judge(sources_max=0)
    judge.may_be_copies((7, 1))
    judge.may_be_copies((7, 2))
    judge.accounts["ann"].history_seq = 1
    judge.sources.forget(next_offset=1)
    assert judge.may_be_copies((7, 2))


def test_users_are_looked_up_again_when_too_many_are_known():
    judge = Judge(rows=3, users_max=1)
    judge.may_be_copies((7, 1))
    judge.sources.forget(next_offset=9)
    assert judge.strangers((7, 2)) == []
    judge.may_be_copies((8, 1))
    judge.sources.forget(next_offset=9)
    assert judge.strangers((7, 3)) != []
    judge.sources.introduce("ann", HEAD, None)
    assert judge.sources.may_hold_copies(judge.arrival) is False
    assert judge.may_be_copies((7, 1)), "the newest id is still known"


def test_no_more_is_read_ahead_when_unfinished_messages_hold_the_ids_of_too_many_sources(monkeypatch):
    monkeypatch.setattr(sources, "SOURCES_CROWDED", 2)
    judge = Judge(sources_max=1)
    judge.may_be_copies((7, 1), (8, 1))
    assert not judge.sources.crowded
    judge.may_be_copies((9, 1))
    assert judge.sources.crowded
    judge.sources.forget(next_offset=9)
    assert not judge.sources.crowded
