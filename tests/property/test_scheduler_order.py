"""Each user's commands take effect exactly once, in the order of the log, and every DUMPLOG holds all that precedes it.

This holds for any order of messages and quotes, and wherever the worker dies (spec §3).
"""

from collections import Counter, defaultdict
from itertools import count

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule

from consumers.transactions.copies import ANSWERS_OWED_MAX
from consumers.transactions.partition_state import key_of
from consumers.transactions.scheduler import NO_USER_PARTITION
from consumers.transactions.sources import Sources
from schema import codec
from schema.commands import NO_USER, Command, CommandBatch, CommandName, Fill
from schema.events import CLOCK_STEP_MS_MAX, AuditKind, NoQuote, Quote
from schema.outcomes import HistoryKind, Reason, Side
from tests.builders import T0
from tests.property.command_log import GARBAGE, SYMBOLS, Log, a_price, which
from tests.property.worker import Database, WorkerLife, reply_of


class SchedulerOrder(Log):
    """Worker's side of the test."""

    def __init__(self) -> None:
        super().__init__()
        self.now_ms = T0
        self.quote_ids = count(1)
        self.database = Database()
        self.asked: list[tuple[str, str, int]] = []
        self.without_price: set[str] = set()
        self.lost_a_batch = False
        self.worker: WorkerLife | None = None

    def at_work(self) -> WorkerLife:
        if self.worker is None:
            sources = Sources(self.sources_max, self.users_max)
            self.worker = WorkerLife(self.partition, self.stream, self.database, self.batch_max, self.forgets, sources)
        return self.worker

    @rule(messages=st.integers(0, 5))
    def works(self, messages):
        self.at_work().receive(messages)
        self.worker.turn([], self.now_ms)

    @rule(which=which, price=st.none() | a_price, late=st.booleans())
    def hears_an_answer(self, which, price, late):
        wanted = self.at_work().wants
        if wanted:
            self.answer(wanted[which % len(wanted)], price, late)

    def answer(self, symbol: str, price: int | None, late: bool = False) -> None:
        self.asked += [asked for asked in self.worker.quotes.asked if asked[0] == symbol]
        self.worker.quotes.asked = [asked for asked in self.worker.quotes.asked if asked[0] != symbol]
        asked_at_ms = self.now_ms - 60_000 * late
        if price is None:
            answer = NoQuote(symbol, self.now_ms, "silence")
            self.without_price.add(symbol)
        else:
            answer = Quote(next(self.quote_ids), symbol, price, asked_at_ms, 1, "eve")
        self.worker.turn([answer], self.now_ms)

    @rule(ms=st.sampled_from([1, 20_000, 60_000, 60_000, -1, -30_000, -3_600_000]))
    def waits(self, ms):
        """Lets time pass, or sets the clock back."""
        self.now_ms += ms

    @rule(user=which, symbol=which, ms=st.sampled_from([-2_000, -2_001, -3_600_000]), commits=st.booleans())
    def buys_and_the_clock_is_set_back(self, user, symbol, ms, commits):
        """Usually the order is pending when the clock is set back."""
        self.publish([(user, CommandName.BUY, symbol, 20)], False, (None,))
        self.works(len(self.stream))
        if SYMBOLS[symbol] in self.worker.wants:
            self.answer(SYMBOLS[symbol], 5)
        self.now_ms += ms
        if commits:
            self.publish([(user, CommandName.COMMIT_BUY, symbol, 1)], False, (None,))

    @rule(during_a_batch=st.booleans(), messages=st.integers(0, 5))
    def dies(self, during_a_batch, messages):
        """The worker dies between two batches, or with a batch that is decided and not committed."""
        if during_a_batch:
            self.at_work().receive(messages)
            self.worker.turn([], self.now_ms, dies=True)
            self.lost_a_batch = True
        self.worker = None

    def is_done(self, request: Command | Fill) -> bool:
        return key_of(request) in self.database.ids

    def is_only_passed_on(self, request: Command | Fill) -> bool:
        """Whether a request may leave no history row: a fill, as it may be void, or a root DUMPLOG elsewhere."""
        return isinstance(request, Fill) or (request.user is None and self.partition != NO_USER_PARTITION)

    @invariant()
    def the_log_takes_effect_in_order(self):
        self.check_position_and_high()
        self.check_order_of_each_user()

    def check_position_and_high(self) -> None:
        """The next offset passes no unfinished message, and nothing beyond `high_offset` is done."""
        for request in self.requests:
            offset = self.offset_of[key_of(request)]
            if not self.is_only_passed_on(request) and offset < self.database.next_offset:
                assert self.is_done(request), request
            if self.is_done(request):
                assert offset <= self.database.high_offset, request

    def check_order_of_each_user(self) -> None:
        done, published = defaultdict(list), defaultdict(list)
        rows = Counter()
        for row in self.database.history:
            rows[row.user] += 1
            assert row.seq == rows[row.user]
            if row.decision.kind is HistoryKind.COMMAND:
                done[row.user].append(row.command_id)
        for request in self.requests:
            if isinstance(request, Command):
                published[request.user or NO_USER].append(request.command_id)
        for user, ids in done.items():
            assert ids == published[user][: len(ids)], user

    def teardown(self):
        if not self.stream:
            return
        self.bring_to_an_end()
        self.the_log_takes_effect_in_order()
        for request in self.requests:
            assert self.is_only_passed_on(request) or self.is_done(request), request
        self.check_accounts_are_the_sum_of_their_history()
        self.check_every_copy_got_the_answer_of_the_first()
        self.check_log_of_record()
        self.check_orders_were_closed_in_their_time()
        self.check_nothing_was_asked_for_in_vain()
        self.check_no_quote_was_said_of_those_that_had_none()
        assert len(set(self.database.dead)) == len(self.database.dead), "a dead letter is stored twice"
        assert not self.worker.uncredited, "unacknowledged messages: the broker will deliver fewer from now on"

    def bring_to_an_end(self) -> None:
        """Delivers and answers everything, and lets the last pending order expire.

        This takes two minutes of the clock, and one more for each order that waits for room in a batch.
        """
        worker = self.at_work()
        minutes_max = None
        turns = 20 + 2 * sum(len(body) for body, _ in self.stream)
        for _ in range(turns):
            worker.receive(len(self.stream))
            worker.turn([], self.now_ms)
            if worker.wants:
                self.answer(worker.wants[0], 5)
            elif worker.is_idle and self.database.next_offset == len(self.stream):
                if not self.database.pending:
                    return
                minutes_max = 2 + len(self.database.pending) if minutes_max is None else minutes_max - 1
                assert minutes_max > 0, "an order outlives its time"
                self.now_ms += 60_000
        raise AssertionError("it does not come to an end")

    def check_every_copy_got_the_answer_of_the_first(self) -> None:
        """Each copy has one answer in its own queue, and that queue has no other answer."""
        messages = [codec.decode_log(body) for body, _ in self.stream if body != GARBAGE]
        batches = [message for message in messages if isinstance(message, CommandBatch)]
        copies = Counter(key_of(command) for batch in batches for command in batch.commands)
        for queue, key in self.awaited:
            replies = [r for r in self.database.replies.get(queue, ()) if (r.user or NO_USER, r.command_id) == key]
            assert replies or copies[key] > ANSWERS_OWED_MAX, (queue, key)
            assert all(reply == reply_of(self.database.ids[key]) for reply in replies), (queue, replies)

    def check_accounts_are_the_sum_of_their_history(self) -> None:
        """The reserves are those of trigger orders, because no pending orders are left."""
        cash, shares = defaultdict(Counter), defaultdict(Counter)
        for row in self.database.history:
            d = row.decision
            cash[row.user].update(available=d.cash_delta_cents, reserved=d.reserved_delta_cents)
            shares[row.user, d.symbol].update(available=d.shares_delta, reserved=d.reserved_shares_delta)
        for user, (_, available, reserved, _) in self.database.accounts.items():
            orders = [order for (of, _, _), order in self.database.triggers.items() if of == user]
            assert (available, reserved) == (cash[user]["available"], cash[user]["reserved"]), user
            assert reserved == sum(order.reserved_cents for order in orders), user
        for key, moved in shares.items():
            order = self.database.triggers.get((*key, Side.SELL))
            assert self.database.positions.get(key, (0, 0)) == (moved["available"], moved["reserved"]), key
            assert moved["reserved"] == (order.reserved_shares if order else 0), key

    def check_orders_were_closed_in_their_time(self) -> None:
        """A commit or cancel closes an order that is younger than 60 s and not from the future."""
        made_at_ms = {(row.user, row.seq): row.at_ms for row in self.database.history}
        for row in self.database.history:
            if row.decision.closed is not None and row.decision.kind is HistoryKind.COMMAND:
                age_ms = row.at_ms - made_at_ms[row.user, row.decision.closed.seq]
                assert -CLOCK_STEP_MS_MAX <= age_ms < 60_000, row

    def check_log_of_record(self) -> None:
        """Each command has one userCommand; a dump's marker follows those of all commands that the dump holds."""
        place_of: dict[int, int] = {}
        markers: dict[str, list[int]] = {}
        for place, entry in enumerate(self.database.log):
            if entry.kind is AuditKind.USER_COMMAND:
                assert entry.transaction_number not in place_of, entry
                place_of[entry.transaction_number] = place
            elif entry.kind is AuditKind.MARKER:
                markers.setdefault(entry.message, []).append(place)
        for index, dump in enumerate(self.requests):
            if isinstance(dump, Fill) or dump.name is not CommandName.DUMPLOG:
                continue
            places = markers[dump.command_id.hex()]
            assert len(places) == 1 or self.is_only_passed_on(dump), dump
            askers = {dump.user, self.asked_by.get(dump.command_id, dump.user)}
            for other in self.requests[:index]:
                if not self.is_only_passed_on(other) and (dump.user is None or other.user == dump.user):
                    assert place_of[other.transaction_number] < places[0], (dump, other)
            for other in self.requests[index + 1 :]:
                if not self.is_only_passed_on(other) and other.user in askers:
                    assert place_of[other.transaction_number] > places[0], (dump, other)

    def check_nothing_was_asked_for_in_vain(self) -> None:
        """Each command for which a quote was requested, early or not, needed it."""
        if self.lost_a_batch:
            return  # commands of the lost batch may have another outcome the second time, at other prices
        decisions = [row.decision for row in self.database.history if row.decision.kind is HistoryKind.COMMAND]
        needed = {d.transaction_number for d in decisions if d.quote is not None or d.reason is Reason.NO_QUOTE}
        assert {number for _, _, number in self.asked} <= needed

    def check_no_quote_was_said_of_those_that_had_none(self) -> None:
        """The answer for one symbol is no reason to reject a command for another."""
        rejected = {row.decision.symbol for row in self.database.history if row.decision.reason is Reason.NO_QUOTE}
        assert rejected <= self.without_price


TestSchedulerOrder = SchedulerOrder.TestCase
TestSchedulerOrder.settings = settings(max_examples=250, stateful_step_count=40)


def test_a_dead_letter_behind_a_waiting_user_is_stored_once_though_its_worker_dies():
    world = SchedulerOrder()
    world.begin(False, 1_000, False, 1_000, 1_000)
    world.publish([(0, CommandName.BUY, 0, 20)], False, (None,))
    world.publish_garbage()
    world.works(3)
    garbage = len(world.stream) - 1
    assert world.database.next_offset < garbage, "the message is read again in the worker's next life"
    world.dies(False, 0)
    world.works(3)
    assert world.database.dead == [garbage]
