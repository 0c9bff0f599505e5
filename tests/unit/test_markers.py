"""A root DUMPLOG in a partition delays its log entries and later commands of its user, and no others."""

import itertools

import pytest

from consumers.transactions.scheduler import NO_USER_PARTITION
from schema.commands import Command, partition_of
from schema.events import AuditKind
from schema.outcomes import Outcome, Reason
from tests.builders import a_command
from tests.scheduler_rig import SchedulerRig

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


def markers(rig: SchedulerRig) -> list[int]:
    return [number for kind, number in rig.logged if kind is MARKER]


def test_a_marker_with_nothing_before_it_is_passed_on_at_once():
    rig = SchedulerRig()
    rig.takes_marker(a_root_dumplog(1))
    assert rig.logged == [(USER_COMMAND, 1), (MARKER, 1)]
    assert (rig.done, rig.next_offset) == ([("", 1)], 1)


def test_other_partitions_pass_the_marker_on_and_execute_nothing():
    rig = SchedulerRig(partition=ELSEWHERE)
    rig.takes_marker(a_root_dumplog(1))
    assert rig.logged == [(MARKER, 1)]
    assert (rig.done, rig.next_offset, rig.owned.finished_tags) == ([], 1, [1])
    assert rig.owned.parked == {}


@pytest.mark.parametrize("partition", [NO_USER_PARTITION, ELSEWHERE])
def test_a_marker_waits_for_all_earlier_commands_of_its_partition(partition):
    rig = SchedulerRig(partition=partition)
    rig.takes(a_buy(1, "ann"), an_add(2, "ann"))
    rig.takes(an_add(3, "bob"))
    rig.takes_marker(a_root_dumplog(4))
    assert markers(rig) == []
    rig.hears(100)
    assert markers(rig) == [4]
    before = rig.logged[: rig.logged.index((MARKER, 4))]
    assert {1, 2, 3} <= {number for _, number in before}
    assert rig.next_offset == 3


@pytest.mark.parametrize("partition", [NO_USER_PARTITION, ELSEWHERE])
def test_a_waiting_marker_delays_no_user(partition):
    rig = SchedulerRig(partition=partition)
    rig.takes(a_buy(1, "ann"))
    rig.takes_marker(a_root_dumplog(2))
    rig.takes(an_add(3, "bob"))
    assert (rig.done, rig.next_offset) == ([("bob", 3)], 0)


def a_person_of(partition: int) -> str:
    return next(name for n in itertools.count() if partition_of(name := f"admin{n}") == partition)


@pytest.mark.parametrize("partition", [NO_USER_PARTITION, ELSEWHERE])
def test_later_commands_of_the_dumps_requester_wait_behind_the_marker(partition):
    """The dump holds no later command of that user (spec §6), even if another user still waits for a quote."""
    admin = a_person_of(partition)
    rig = SchedulerRig(partition=partition)
    rig.takes(a_buy(1, "ann"))
    rig.takes_marker(a_root_dumplog(2), asked_by=admin)
    rig.takes(an_add(3, admin), an_add(4, "bob"))
    rig.takes_marker(a_root_dumplog(5), asked_by=admin)
    rig.takes(an_add(6, admin))
    assert rig.numbers == [4]
    rig.hears(100)
    logged = rig.logged
    for _ in range(3):
        rig.begins_a_new_batch()
        logged += rig.logged
    places = [logged.index(one) for one in ((MARKER, 2), (USER_COMMAND, 3), (MARKER, 5), (USER_COMMAND, 6))]
    assert places == sorted(places)
    assert (rig.next_offset, rig.owned.parked, rig.scheduler.has_ready) == (5, {}, False)


@pytest.mark.parametrize("partition", [NO_USER_PARTITION, ELSEWHERE])
def test_a_quote_of_one_symbol_does_not_release_a_command_for_another_behind_two_markers(partition):
    admin = a_person_of(partition)
    rig = SchedulerRig(partition=partition)
    rig.takes(a_buy(1, "ann"))
    rig.takes_marker(a_root_dumplog(2), asked_by=admin)
    rig.takes_marker(a_root_dumplog(3), asked_by=admin)
    rig.takes(*(a_command("QUOTE", user=admin, number=n, symbol=symbol) for n, symbol in ((4, "XYZ"), (5, "DEF"))))
    rig.hears(100)
    rig.begins_a_new_batch()
    rig.hears(None, "XYZ")
    assert rig.reasons == {4: Reason.NO_QUOTE}
    rig.hears(100, "DEF")
    assert rig.reasons == {4: Reason.NO_QUOTE, 5: None}


def test_the_dumps_requester_waits_in_no_other_partition():
    rig = SchedulerRig(partition=ELSEWHERE)
    rig.takes(a_buy(1, "ann"))
    rig.takes_marker(a_root_dumplog(2), asked_by=a_person_of(ELSEWHERE + 1))
    assert rig.owned.parked.keys() == {"ann"}
    rig.hears(100)
    assert markers(rig) == [2]


def test_later_commands_without_user_wait_behind_the_marker():
    rig = SchedulerRig()
    rig.takes(a_buy(1, "ann"))
    rig.takes(of_nobody(2))
    rig.takes_marker(a_root_dumplog(3))
    rig.takes(of_nobody(4))
    assert rig.numbers == [2]
    rig.hears(100)
    rig.begins_a_new_batch()
    assert rig.numbers == [4]
    assert rig.next_offset == 4


def test_markers_and_commands_without_user_keep_their_order():
    rig = SchedulerRig(batch_max=1_000)
    rig.takes(a_buy(1, "ann"))
    for number in (2, 4, 5):
        rig.takes_marker(a_root_dumplog(number))
        rig.takes(of_nobody(number * 10))
    numbers = []
    rig.hears(100)
    for _ in range(5):
        numbers += [number for user, number in rig.done if user == ""]
        rig.begins_a_new_batch()
    assert numbers == [2, 20, 4, 40, 5, 50]
    assert (rig.next_offset, rig.scheduler.has_ready) == (7, False)


@pytest.mark.parametrize("partition", [NO_USER_PARTITION, ELSEWHERE])
def test_two_markers_in_a_row_both_pass(partition):
    rig = SchedulerRig(partition=partition)
    rig.takes(a_buy(1, "ann"))
    rig.takes_marker(a_root_dumplog(2))
    rig.takes_marker(a_root_dumplog(3))
    rig.hears(100)
    assert markers(rig) == [2, 3]
    assert rig.next_offset == 3


def test_a_second_marker_waits_for_the_commands_between_the_two():
    rig = SchedulerRig(partition=ELSEWHERE)
    rig.takes_marker(a_root_dumplog(1))
    rig.takes(a_buy(2, "ann"))
    rig.takes_marker(a_root_dumplog(3))
    assert markers(rig) == [1]
    rig.hears(100)
    assert markers(rig) == [1, 3]


@pytest.mark.parametrize("partition", [NO_USER_PARTITION, ELSEWHERE])
def test_a_bad_file_name_is_rejected_and_marks_nothing(partition):
    rig = SchedulerRig(partition=partition)
    rig.takes_marker(a_root_dumplog(1, "../log"))
    assert markers(rig) == []
    assert [row.decision.outcome for row in rig.batch.rows] == [Outcome.REJECTED] * (partition == NO_USER_PARTITION)
    assert rig.next_offset == 1


def test_a_users_own_dumplog_is_marked_behind_that_users_commands_only():
    rig = SchedulerRig()
    rig.takes(a_buy(1, "ann"))
    rig.takes(a_command("DUMPLOG", user="ann", number=2), a_command("DUMPLOG", user="bob", number=3))
    assert markers(rig) == [3]
    rig.hears(100)
    assert markers(rig) == [3, 2]


def test_a_marker_is_not_held_up_by_a_full_batch():
    rig = SchedulerRig(batch_max=1)
    rig.takes(an_add(1))
    rig.takes_marker(a_root_dumplog(2))
    assert markers(rig) == [2]
