"""Commands that are published more than once: a copy has no effect, and gets the answer of the first (spec §3).

Before a turn decides anything it is surveyed: what may be a copy is looked up in the history, all partitions at once.
What the history does not know by then is in this turn's batch, or waits in memory, or is new. The history's unique key
only proves it: when the key refuses a row, accounts in memory hold its decision already, and all of them are dropped.
Pure, but for the questions that it is given.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from consumers.transactions.batch import Batch
from consumers.transactions.intake import Arrival, Intake
from consumers.transactions.owned import Item, Key, OwnedPartition, key_of
from consumers.transactions.sources import Stranger
from schema.events import Reply

ANSWERS_OWED_MAX = 16
"""Copies of one waiting command that are answered when it is done; those of further ones find it in the history."""

Answers = Mapping[Key, Reply]


@dataclass(frozen=True, slots=True)
class Questions:
    """What a survey asks the world.

    `load`: takes these users' accounts into a partition's memory. `newest`: the greatest id in the history of each user
    and source, where there is one. `answers`: what became of these commands, where they are in the history.
    """

    load: Callable[[OwnedPartition, Collection[str]], None]
    newest: Callable[[Collection[Stranger]], Mapping[Stranger, bytes]]
    answers: Callable[[Collection[Key]], Answers]


def survey(places: Iterable[tuple[Intake, OwnedPartition]], orders_max: int, ask: Questions) -> Answers:
    """Chooses what may be taken in this turn, about `orders_max` orders from the front of the backlogs, loads the
    accounts that it needs, and looks up what of it may be a copy. Call it at the beginning of a turn, when everything
    that was taken before is committed or waits in memory.
    """
    window = []
    for intake, owned in places:
        owned.sources.forget(owned.progress.position)
        intake.surveyed = 0
        in_question = False
        for arrival in intake.arrivals:
            if orders_max <= 0:
                break
            orders_max -= len(arrival.orders) or 1
            intake.surveyed += 1
            # In the order of the log: judged before its first, which is in question, a copy would pass for new.
            in_question = in_question or not owned.surely_new(arrival)
            if in_question:
                window.append((owned, arrival))
    return _look_up(window, ask) if window else {}


def is_settled(batch: Batch, owned: OwnedPartition, item: Item, answers: Answers) -> bool:
    """Whether this is a copy of a command that was taken up before. It is finished then, and its answer is on the way:
    with the batch, or with the first one, where that still waits.
    """
    key = key_of(item.order)
    reply = answers.get(key) or batch.reply_to_copy(key)
    if reply is not None:
        for queue in item.reply_to:
            batch.answer(owned.partition, queue, reply)
    else:
        parked = owned.parked.get(key[0])
        first = parked.find(key) if parked is not None else None
        if first is None:
            return False
        if len(first.reply_to) < ANSWERS_OWED_MAX:
            first.reply_to += item.reply_to
    owned.finish(item.message)
    return True


def _look_up(window: list[tuple[OwnedPartition, Arrival]], ask: Questions) -> Answers:
    _load(window, ask)
    _judge([(owned, arrival) for owned, arrival in window if arrival.doubtful is None], ask)
    keys = [key_of(order) for _, arrival in window if arrival.doubtful for order in arrival.orders]
    return ask.answers(keys) if keys else {}


def _load(window: Iterable[tuple[OwnedPartition, Arrival]], ask: Questions) -> None:
    missing: dict[int, tuple[OwnedPartition, set[str]]] = {}
    for owned, arrival in window:
        if not owned.accounts.keys() >= arrival.users:
            _, users = missing.setdefault(owned.partition, (owned, set()))
            users.update(user for user in arrival.users if user not in owned.accounts)
    for owned, users in missing.values():
        ask.load(owned, users)


def _judge(fresh: list[tuple[OwnedPartition, Arrival]], ask: Questions) -> None:
    strangers: dict[Stranger, OwnedPartition] = {}
    for owned, arrival in fresh:
        for stranger in owned.sources.strangers(arrival, owned.accounts):
            strangers[stranger] = owned
    if strangers:
        newest = ask.newest(strangers)
        for stranger, owned in strangers.items():
            owned.sources.introduce(*stranger, newest.get(stranger))
    for owned, arrival in fresh:
        arrival.doubtful = owned.sources.may_hold_copies(arrival) or arrival.must_be_looked_up
