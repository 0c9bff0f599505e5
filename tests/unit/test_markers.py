"""A root DUMPLOG in a partition delays its log entries and later commands of its user, and no others (design §5)."""

import itertools

import pytest

from consumers.transactions.scheduler import NO_USER_PARTITION
from schema.commands import Command, partition_of
from schema.events import AuditKind
from schema.outcomes import Outcome, Reason
from tests.builders import a_command
from tests.desk import Desk

MARKER, USER_COMMAND = AuditKind.MARKER, AuditKind.USER_COMMAND
ELSEWHERE = NO_USER_PARTITION + 1


def a_root_dumplog(number: int, filename: str = "log") -> Command:
    return a_command("DUMPLOG", user=None, number=number, filename=filename)


def of_nobody(number: int) -> Command:
    """Makes a command whose user could not be read."""
    return a_command("ADD", None, user=None, number=number, defect=Reason.BAD_ARGUMENTS)


def an_add(number: int, user: str = "ann") -> Command:
    return a_command("ADD", 5, user=user, number=number)


def a_buy(number: int, user: str = "ann") -> Command:
    return a_command("BUY", 100, user=user, number=number)


def markers(desk: Desk) -> list[int]:
    return [number for kind, number in desk.logged if kind is MARKER]


def test_a_marker_with_nothing_before_it_is_passed_on_at_once():
    desk = Desk()
    desk.takes_marker(a_root_dumplog(1))
    assert desk.logged == [(USER_COMMAND, 1), (MARKER, 1)]
    assert (desk.done, desk.next_offset) == ([("", 1)], 1)


def test_a_partition_that_is_not_nobodys_passes_the_marker_on_and_executes_nothing():
    desk = Desk(partition=ELSEWHERE)
    desk.takes_marker(a_root_dumplog(1))
    assert desk.logged == [(MARKER, 1)]
    assert (desk.done, desk.next_offset, desk.owned.finished_tags) == ([], 1, [1])
    assert desk.owned.parked == {}


@pytest.mark.parametrize("partition", [NO_USER_PARTITION, ELSEWHERE])
def test_a_marker_waits_for_all_earlier_commands_of_its_partition(partition):
    desk = Desk(partition=partition)
    desk.takes(a_buy(1, "ann"), an_add(2, "ann"))
    desk.takes(an_add(3, "bob"))
    desk.takes_marker(a_root_dumplog(4))
    assert markers(desk) == []
    desk.hears(100)
    assert markers(desk) == [4]
    before = desk.logged[: desk.logged.index((MARKER, 4))]
    assert {1, 2, 3} <= {number for _, number in before}
    assert desk.next_offset == 3


@pytest.mark.parametrize("partition", [NO_USER_PARTITION, ELSEWHERE])
def test_a_waiting_marker_delays_no_user(partition):
    desk = Desk(partition=partition)
    desk.takes(a_buy(1, "ann"))
    desk.takes_marker(a_root_dumplog(2))
    desk.takes(an_add(3, "bob"))
    assert (desk.done, desk.next_offset) == ([("bob", 3)], 0)


def a_person_of(partition: int) -> str:
    return next(name for n in itertools.count() if partition_of(name := f"admin{n}") == partition)


@pytest.mark.parametrize("partition", [NO_USER_PARTITION, ELSEWHERE])
def test_later_commands_of_who_asked_for_the_dump_wait_behind_the_marker(partition):
    """The dump holds no later command of that user (spec §6), even if another user still waits for a quote."""
    admin = a_person_of(partition)
    desk = Desk(partition=partition)
    desk.takes(a_buy(1, "ann"))
    desk.takes_marker(a_root_dumplog(2), asked_by=admin)
    desk.takes(an_add(3, admin), an_add(4, "bob"))
    desk.takes_marker(a_root_dumplog(5), asked_by=admin)
    desk.takes(an_add(6, admin))
    assert desk.numbers == [4]
    desk.hears(100)
    logged = desk.logged
    for _ in range(3):
        desk.begins_a_new_batch()
        logged += desk.logged
    places = [logged.index(one) for one in ((MARKER, 2), (USER_COMMAND, 3), (MARKER, 5), (USER_COMMAND, 6))]
    assert places == sorted(places)
    assert (desk.next_offset, desk.owned.parked, desk.scheduler.has_ready) == (5, {}, False)


@pytest.mark.parametrize("partition", [NO_USER_PARTITION, ELSEWHERE])
def test_an_answer_for_one_symbol_is_none_for_another_behind_two_markers(partition):
    admin = a_person_of(partition)
    desk = Desk(partition=partition)
    desk.takes(a_buy(1, "ann"))
    desk.takes_marker(a_root_dumplog(2), asked_by=admin)
    desk.takes_marker(a_root_dumplog(3), asked_by=admin)
    desk.takes(*(a_command("QUOTE", user=admin, number=n, symbol=symbol) for n, symbol in ((4, "XYZ"), (5, "DEF"))))
    desk.hears(100)
    desk.begins_a_new_batch()
    desk.hears(None, "XYZ")
    assert desk.reasons == {4: Reason.NO_QUOTE}
    desk.hears(100, "DEF")
    assert desk.reasons == {4: Reason.NO_QUOTE, 5: None}


def test_who_asked_for_the_dump_waits_in_no_other_partition():
    desk = Desk(partition=ELSEWHERE)
    desk.takes(a_buy(1, "ann"))
    desk.takes_marker(a_root_dumplog(2), asked_by=a_person_of(ELSEWHERE + 1))
    assert desk.owned.parked.keys() == {"ann"}
    desk.hears(100)
    assert markers(desk) == [2]


def test_nobodys_later_commands_wait_behind_the_marker():
    desk = Desk()
    desk.takes(a_buy(1, "ann"))
    desk.takes(of_nobody(2))
    desk.takes_marker(a_root_dumplog(3))
    desk.takes(of_nobody(4))
    assert desk.numbers == [2]
    desk.hears(100)
    desk.begins_a_new_batch()
    assert desk.numbers == [4]
    assert desk.next_offset == 4


def test_markers_and_nobodys_commands_keep_their_order():
    desk = Desk(batch_max=1_000)
    desk.takes(a_buy(1, "ann"))
    for number in (2, 4, 5):
        desk.takes_marker(a_root_dumplog(number))
        desk.takes(of_nobody(number * 10))
    numbers = []
    desk.hears(100)
    for _ in range(5):
        numbers += [number for user, number in desk.done if user == ""]
        desk.begins_a_new_batch()
    assert numbers == [2, 20, 4, 40, 5, 50]
    assert (desk.next_offset, desk.scheduler.has_ready) == (7, False)


@pytest.mark.parametrize("partition", [NO_USER_PARTITION, ELSEWHERE])
def test_two_markers_in_a_row_both_pass(partition):
    desk = Desk(partition=partition)
    desk.takes(a_buy(1, "ann"))
    desk.takes_marker(a_root_dumplog(2))
    desk.takes_marker(a_root_dumplog(3))
    desk.hears(100)
    assert markers(desk) == [2, 3]
    assert desk.next_offset == 3


def test_a_second_marker_waits_for_what_lies_between():
    desk = Desk(partition=ELSEWHERE)
    desk.takes_marker(a_root_dumplog(1))
    desk.takes(a_buy(2, "ann"))
    desk.takes_marker(a_root_dumplog(3))
    assert markers(desk) == [1]
    desk.hears(100)
    assert markers(desk) == [1, 3]


@pytest.mark.parametrize("partition", [NO_USER_PARTITION, ELSEWHERE])
def test_a_bad_file_name_is_rejected_and_marks_nothing(partition):
    desk = Desk(partition=partition)
    desk.takes_marker(a_root_dumplog(1, "../log"))
    assert markers(desk) == []
    assert [row.decision.outcome for row in desk.batch.rows] == [Outcome.REJECTED] * (partition == NO_USER_PARTITION)
    assert desk.next_offset == 1


def test_a_users_own_dumplog_is_marked_behind_that_users_commands_only():
    desk = Desk()
    desk.takes(a_buy(1, "ann"))
    desk.takes(a_command("DUMPLOG", user="ann", number=2), a_command("DUMPLOG", user="bob", number=3))
    assert markers(desk) == [3]
    desk.hears(100)
    assert markers(desk) == [3, 2]


def test_a_marker_is_not_held_up_by_a_full_batch():
    desk = Desk(batch_max=1)
    desk.takes(an_add(1))
    desk.takes_marker(a_root_dumplog(2))
    assert markers(desk) == [2]
