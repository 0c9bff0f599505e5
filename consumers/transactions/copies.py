"""Commands that are published more than once: a copy has no effect, and gets the first one's answer (spec §3).

Before a turn decides anything, `survey` looks up in the history all commands that may be copies, for all partitions at
once. A command that is not in the history then is in this turn's batch, or waits in memory, or is new. The history's
unique key is only the last safeguard: when it refuses a row, the accounts in memory already include that decision, and
the worker has to drop them all. The database is asked only through `Questions`; the rest is pure.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from consumers.transactions.batch import Batch
from consumers.transactions.intake import Arrival, Intake
from consumers.transactions.partition_state import Item, Key, PartitionState, key_of
from consumers.transactions.sources import Stranger
from schema.events import Reply

ANSWERS_OWED_MAX = 16
"""Maximum copies of one waiting command that get its answer when it is done. The clients of further copies find the
outcome in the history."""

PARTITIONS_PER_TURN = 4
"""Partitions that share a turn if all have a long backlog. Fewer make fewer rows of accounts per command; with more, a
partition's turn comes sooner."""

Answers = Mapping[Key, Reply]


@dataclass(frozen=True, slots=True)
class Questions:
    """Questions that a survey asks the database.

    `load`: loads these users' accounts into a partition's memory. `newest`: greatest command id in the history of each
    user and source that has any. `answers`: outcomes of those of these commands that are in the history.
    """

    load: Callable[[PartitionState, Collection[str]], None]
    newest: Callable[[Collection[Stranger]], Mapping[Stranger, bytes]]
    answers: Callable[[Collection[Key]], Answers]


def survey(places: Sequence[tuple[Intake, PartitionState]], requests_max: int, ask: Questions) -> Answers:
    """Chooses the messages (arrivals) that this turn may take: about `requests_max` requests, the oldest first.

    Loads the accounts that they need, and returns the answers of those that are copies. Call it at the beginning of a
    turn, when everything that was taken before is committed or waits in memory.
    """
    _choose([intake for intake, _ in places], requests_max)
    window = []
    for intake, state in places:
        state.sources.forget(state.progress.next_offset)
        in_question = False
        for arrival in islice(intake.arrivals, intake.surveyed):
            # Once an arrival is in question, so is each one behind it: a copy that is judged before its original would
            # pass for new.
            in_question = in_question or not state.surely_new(arrival)
            if in_question:
                window.append((state, arrival))
    return _look_up(window, ask) if window else {}


def _choose(intakes: Sequence[Intake], requests_max: int) -> None:
    """Sets how many arrivals each partition may give to this turn.

    First each gives its share, so that a long backlog in one does not hold up the others; the rest goes to those that
    have more, in the same order.
    """
    for intake in intakes:
        intake.surveyed = 0
    left = requests_max
    for limit in (max(1, requests_max // PARTITIONS_PER_TURN), requests_max):
        for intake in intakes:
            given = 0
            for arrival in islice(intake.arrivals, intake.surveyed, None):
                if left <= 0:
                    return
                if given >= limit:
                    break
                requests = len(arrival.requests) or 1
                given += requests
                left -= requests
                intake.surveyed += 1


def is_settled(batch: Batch, state: PartitionState, item: Item, answers: Answers) -> bool:
    """Whether this is a copy of a command that was taken before.

    If so, it is finished. Its answer goes out with the batch or, if the original still waits, with the original's.
    """
    key = key_of(item.request)
    reply = answers.get(key) or batch.reply_to_copy(key)
    if reply is not None:
        for queue in item.reply_to:
            batch.answer(state.partition, queue, reply)
    else:
        parked = state.parked.get(key[0])
        first = parked.find(key) if parked is not None else None
        if first is None:
            return False
        if len(first.reply_to) < ANSWERS_OWED_MAX:
            first.reply_to += item.reply_to
    state.finish(item.message)
    return True


def _look_up(window: list[tuple[PartitionState, Arrival]], ask: Questions) -> Answers:
    _load(window, ask)
    _judge([(state, arrival) for state, arrival in window if arrival.doubtful is None], ask)
    keys = [key_of(request) for _, arrival in window if arrival.doubtful for request in arrival.requests]
    return ask.answers(keys) if keys else {}


def _load(window: Iterable[tuple[PartitionState, Arrival]], ask: Questions) -> None:
    missing: dict[int, tuple[PartitionState, set[str]]] = {}
    for state, arrival in window:
        if not state.accounts.keys() >= arrival.users:
            _, users = missing.setdefault(state.partition, (state, set()))
            users.update(user for user in arrival.users if user not in state.accounts)
    for state, users in missing.values():
        ask.load(state, users)


def _judge(fresh: list[tuple[PartitionState, Arrival]], ask: Questions) -> None:
    strangers: dict[Stranger, PartitionState] = {}
    for state, arrival in fresh:
        for stranger in state.sources.strangers(arrival, state.accounts):
            strangers[stranger] = state
    if strangers:
        newest = ask.newest(strangers)
        for stranger, state in strangers.items():
            state.sources.introduce(*stranger, newest.get(stranger))
    for state, arrival in fresh:
        arrival.doubtful = state.sources.may_hold_copies(arrival) or arrival.must_be_looked_up
