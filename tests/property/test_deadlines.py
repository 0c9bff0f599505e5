"""Deadlines return everything that is due, and nothing early, however the clock moves (spec §3, expiry)."""

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ownership.deadlines import Deadlines
from schema.events import CLOCK_STEP_MS_MAX, is_due
from tests.builders import T0

AHEAD_MS_MAX = 60_000

steps = st.integers(-5_000, 5_000) | st.sampled_from(
    [step + tiny for step in (0, AHEAD_MS_MAX, CLOCK_STEP_MS_MAX, AHEAD_MS_MAX + CLOCK_STEP_MS_MAX) for tiny in (-1, 1)]
)


class BackAndForth(RuleBasedStateMachine):
    """Deadlines of numbered subjects. `left`: subjects that were added and not returned, with their times."""

    @initialize()
    def begins(self):
        self.now_ms = T0
        self.deadlines: Deadlines[int] = Deadlines(AHEAD_MS_MAX)
        self.left: dict[int, int] = {}
        self.added = 0

    @rule(ahead_ms=st.integers(0, AHEAD_MS_MAX) | steps, count=st.integers(1, 3))
    def adds(self, ahead_ms, count):
        for _ in range(count):
            self.added += 1
            self.left[self.added] = self.now_ms + ahead_ms
            self.deadlines.add(self.added, self.now_ms + ahead_ms)

    @rule(step_ms=steps, back=st.booleans())
    def the_clock_steps(self, step_ms, back):
        self.now_ms += -step_ms if back else step_ms

    @rule(most=st.integers(0, 4))
    def takes(self, most):
        for _ in range(most):
            popped = self.deadlines.pop(self.now_ms)
            if popped is None:
                assert self._due() == [], "is due, and was not returned"
                return
            subject, at_ms = popped
            assert subject in self._due() and at_ms == self.left.pop(subject)

    @rule()
    def looks_whether_any_is_due(self):
        if not self.deadlines.any_due(self.now_ms):
            assert self._due() == []
        elif self._due():
            assert self.deadlines.next_ms <= self.now_ms

    def _due(self) -> list[int]:
        return [subject for subject, at_ms in self.left.items() if is_due(at_ms, self.now_ms, AHEAD_MS_MAX)]

    @invariant()
    def the_caller_need_not_wait_beyond_the_first_time(self):
        first_ms = min(self.left.values(), default=None)
        assert (self.deadlines.next_ms is None) == (first_ms is None)
        assert first_ms is None or self.deadlines.next_ms <= first_ms


TestBackAndForth = BackAndForth.TestCase
TestBackAndForth.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)


@given(st.lists(st.integers(0, 9), max_size=20))
def test_subjects_come_in_the_order_of_their_times_and_then_of_their_arrival(times_ms):
    deadlines: Deadlines[int] = Deadlines(AHEAD_MS_MAX)
    for subject, ahead_ms in enumerate(times_ms):
        deadlines.add(subject, T0 + ahead_ms)
    popped = [deadlines.pop(T0 + 9) for _ in times_ms]
    assert popped == [
        (subject, T0 + times_ms[subject]) for subject in sorted(range(len(times_ms)), key=times_ms.__getitem__)
    ]
    assert deadlines.pop(T0 + 9) is None
