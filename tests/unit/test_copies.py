"""Copies of commands: what a turn looks up before it decides, and what becomes of a copy (spec §3, exactly once).

`tests/property/test_scheduler_order` tests arbitrary copies, deaths and orders, `tests/integration/test_copies` real
servers.
"""

import itertools
from collections.abc import Collection, Sequence

from consumers.transactions import copies
from consumers.transactions.account import Account
from consumers.transactions.copies import Questions, is_settled, survey
from consumers.transactions.intake import Intake
from consumers.transactions.partition_state import Item, Key, PartitionState
from consumers.transactions.progress import Progress
from consumers.transactions.sources import Stranger
from rabbitmq.roles import ANYBODY
from rabbitmq.stream_consumer import Delivery
from schema import codec
from schema.commands import VERSION, Command, CommandBatch, partition_of
from schema.events import Reply
from schema.outcomes import Outcome
from tests.builders import T0, a_command, an_account
from tests.scheduler_rig import SchedulerRig

HOME = partition_of("ann")
NEIGHBOUR = next(name for n in itertools.count() if partition_of(name := f"user{n}") == HOME)


class BacklogAndHistory:
    """Backlog of a partition, and a history that counts queries. `rows`: history rows that a user's account states."""

    def __init__(self, rows: int = 0, partition: int = HOME):
        self.intake = Intake(HOME, -1)
        self.owned = PartitionState(partition, Progress(0, -1))
        self.history: dict[Key, Reply] = {}
        self.asked: list[str] = []
        self._rows = rows

    def receives(self, *messages: list[Command], marked: bool = False) -> None:
        for commands in messages:
            offset = self.intake.newest_offset + 1
            body = codec.encode(CommandBatch(VERSION, T0, commands))
            self.intake.put(Delivery(offset, body, marked, tag=offset, sender=ANYBODY))

    def surveys(self, orders_max: int = 1_000) -> list[bool | None]:
        """Returns for each message that may be taken now whether it may hold copies."""
        ask = Questions(self._load, self._newest, self._answers)
        self.answers = survey([(self.intake, self.owned)], orders_max, ask)
        return [self.intake.arrivals[n].doubtful for n in range(self.intake.surveyed)]

    def _load(self, owned: PartitionState, users: Collection[str]) -> None:
        self.asked.append("load")
        owned.accounts.update({user: Account(user, history_seq=self._rows) for user in users})

    def _newest(self, strangers: Collection[Stranger]) -> dict[Stranger, bytes]:
        self.asked.append("newest")
        ids = {stranger: [i for u, i in self.history if (u, i[:8]) == stranger] for stranger in strangers}
        return {stranger: max(of_it) for stranger, of_it in ids.items() if of_it}

    def _answers(self, keys: Collection[Key]) -> dict[Key, Reply]:
        self.asked.append("answers")
        return {key: self.history[key] for key in keys if key in self.history}


def survey_all(worlds: Sequence[BacklogAndHistory], requests_max: int) -> None:
    """Surveys several partitions of a worker, whose users the database does not know."""

    def load(owned: PartitionState, users: Collection[str]) -> None:
        owned.accounts.update({user: Account(user) for user in users})

    survey([(world.intake, world.owned) for world in worlds], requests_max, Questions(load, lambda _: {}, lambda _: {}))


def an_add() -> Command:
    return a_command("ADD", 5)


def a_reply(command: Command) -> Reply:
    return Reply(command.command_id, command.user, 3, Outcome.DONE, None, None, 5, None, T0)


# What a turn may take


def test_a_long_backlog_leaves_room_for_the_other_partitions_in_the_same_turn():
    flooded, calm = BacklogAndHistory(partition=0), BacklogAndHistory(partition=1)
    flooded.receives(*([an_add()] for _ in range(40)))
    calm.receives([an_add()], [an_add()])
    survey_all([flooded, calm], 20)
    assert (flooded.intake.surveyed, calm.intake.surveyed) == (18, 2)


def test_partitions_with_long_backlogs_share_a_turn_and_the_longest_unserved_get_it():
    worlds = [BacklogAndHistory(partition=number) for number in range(copies.PARTITIONS_PER_TURN + 1)]
    for world in worlds:
        world.receives(*([an_add()] for _ in range(40)))
    survey_all(worlds, 20)
    share = 20 // copies.PARTITIONS_PER_TURN
    assert [world.intake.surveyed for world in worlds] == [share] * copies.PARTITIONS_PER_TURN + [0]


# What is looked up


def test_new_commands_of_new_users_ask_for_their_accounts_and_for_nothing_else():
    world = BacklogAndHistory()
    world.receives([an_add(), an_add()], [an_add()])
    assert world.surveys() == [False, False]
    assert world.asked == ["load"]


def test_users_with_a_history_are_looked_up_once_and_new_commands_never():
    world = BacklogAndHistory(rows=3)
    world.receives([an_add()])
    world.surveys()
    world.receives([an_add()], [an_add()])
    assert world.surveys() == [False] * 3
    assert world.asked == ["load", "newest"]


def test_possible_copies_are_looked_up_in_one_query():
    old, other, new = an_add(), an_add(), an_add()
    world = BacklogAndHistory(rows=3)
    world.history = {("ann", old.command_id): a_reply(old)}
    world.receives([old], [old, other], [new], [new])
    assert world.surveys() == [True, True, False, True]
    assert world.asked == ["load", "newest", "answers"]
    assert world.answers == world.history


def test_messages_that_were_not_taken_are_looked_up_again_in_the_next_turn():
    """Meanwhile the first one may have been committed."""
    command = an_add()
    world = BacklogAndHistory()
    world.receives([command, command])
    assert world.surveys() == [True] and world.answers == {}
    world.history = {("ann", command.command_id): a_reply(command)}
    assert world.surveys() == [True] and world.answers == world.history


def test_no_more_is_surveyed_than_fits_into_a_turn_but_something_always_is():
    world = BacklogAndHistory()
    world.receives([an_add(), an_add()], [an_add()], [an_add()])
    assert (len(world.surveys(orders_max=1)), len(world.surveys(orders_max=3))) == (1, 2)
    assert world.surveys() == [False] * 3


def test_a_marked_message_is_looked_up_though_its_ids_are_new():
    world = BacklogAndHistory()
    world.receives([an_add()], marked=True)
    assert world.surveys() == [True]
    assert world.asked == ["load", "answers"]


def test_a_copy_is_judged_behind_its_first_though_only_the_first_has_somebody_to_ask_for():
    world = BacklogAndHistory(rows=1)
    world.receives([an_add()])
    world.surveys()
    command, neighbours = a_command("ADD", 5), a_command("ADD", 5, user=NEIGHBOUR)
    world.receives([command, neighbours], [command])
    assert world.surveys() == [False, False, True]


# What becomes of a copy


class CopyRig(SchedulerRig):
    """Scheduler that receives commands which may be copies; each waits for its answer in a queue of its own."""

    def __init__(self) -> None:
        super().__init__(an_account("ann", 1_000), an_account("bob", 1_000))
        self.answers: dict[Key, Reply] = {}

    def takes_a_copy(self, command: Command, queue: str) -> None:
        message = self._begin(1)
        item = Item(command, message, self.now_ms, (queue,))
        if not is_settled(self.batch, self.owned, item, self.answers):
            self.scheduler.take(self.batch, self.owned, item, self.now_ms)
        self._sweep()

    @property
    def replies(self) -> dict[str, list[Reply]]:
        output = self.batch.outputs.get(self.owned.partition)
        return output.replies if output else {}


def test_a_command_without_an_earlier_one_is_no_copy():
    rig = CopyRig()
    rig.takes_a_copy(a_command("ADD", 5, number=1), "q1")
    assert rig.numbers == [1]


def test_a_copy_of_a_command_in_the_history_gets_its_answer_and_is_finished():
    rig, command = CopyRig(), a_command("ADD", 5)
    rig.answers = {("ann", command.command_id): a_reply(command)}
    rig.takes_a_copy(command, "q1")
    assert (rig.done, rig.replies) == ([], {"q1": [a_reply(command)]})
    assert (rig.next_offset, rig.owned.finished_tags) == (1, [1])


def test_a_copy_of_a_command_in_this_batch_gets_the_same_answer():
    rig, command = CopyRig(), a_command("ADD", 5)
    rig.takes_a_copy(command, "q1")
    rig.takes_a_copy(command, "q2")
    assert len(rig.done) == 1
    assert rig.replies["q1"] == rig.replies["q2"] != []


def test_a_copy_of_a_waiting_command_is_answered_with_it():
    rig, buy = CopyRig(), a_command("BUY", 100)
    rig.takes_a_copy(buy, "q1")
    rig.takes_a_copy(buy, "q2")
    assert (rig.replies, rig.owned.finished_tags) == ({}, [2])
    rig.begins_a_new_batch()
    rig.hears(100)
    assert len(rig.done) == 1
    assert rig.replies["q1"] == rig.replies["q2"] != []


def test_a_copy_after_its_first_has_run_is_answered_from_the_batch():
    rig, buy = CopyRig(), a_command("BUY", 100)
    rig.takes_a_copy(buy, "q1")
    rig.takes_a_copy(a_command("QUOTE", symbol="XYZ"), "q2")
    rig.takes_a_copy(buy, "q3")
    rig.hears(100)
    rig.takes_a_copy(buy, "q4")
    assert [row.decision.command for row in rig.batch.rows] == ["BUY"]
    assert rig.replies["q1"] == rig.replies["q3"] == rig.replies["q4"] != []


def test_only_so_many_copies_of_a_waiting_command_are_answered(monkeypatch):
    monkeypatch.setattr(copies, "ANSWERS_OWED_MAX", 2)
    rig, buy = CopyRig(), a_command("BUY", 100)
    for n in range(4):
        rig.takes_a_copy(buy, f"q{n}")
    rig.hears(100)
    assert (len(rig.done), sorted(rig.replies)) == (1, ["q0", "q1"])


def test_the_same_id_of_another_user_is_no_copy():
    rig, command = CopyRig(), a_command("ADD", 5)
    bobs = Command(command.command_id, 9, command.name, "bob", None, 5)
    rig.takes_a_copy(command, "q1")
    rig.takes_a_copy(bobs, "q2")
    assert [user for user, _ in rig.done] == ["ann", "bob"]
