"""What may be spent on paid quotes: each person's allowance a day, and the budget of refreshes a minute (spec §3a).

Pure: no I/O, no clock (time is an argument), no logging.
"""

from collections import deque
from collections.abc import Mapping

from schema.events import PriceRequest, is_due

DAY_MS = 86_400_000
MINUTE_MS = 60_000

PEOPLE_MAX = 100_000
"""People whose count is kept in memory. Beyond it all counts are dropped, and read again from the database."""


def day_of(now_ms: int) -> int:
    """The beginning of the UTC day, ms since the epoch: allowances are renewed then."""
    return now_ms - now_ms % DAY_MS


class Allowances:
    """Paid quotes that each person caused today. A person's count is known only once it was learned."""

    def __init__(self) -> None:
        self._day_ms = 0
        self._paid: dict[str, int] = {}

    def begin(self, now_ms: int) -> None:
        """Forgets all counts when a day begins, or when there are too many to keep. Call it before `knows`."""
        if day_of(now_ms) != self._day_ms or len(self._paid) > PEOPLE_MAX:
            self._day_ms = day_of(now_ms)
            self._paid.clear()

    def knows(self, user: str) -> bool:
        """Whether this person's count of today need not be learned first."""
        return user in self._paid

    def learn(self, paid: Mapping[str, int]) -> None:
        """Takes in what people have caused today, as the database has it."""
        self._paid |= paid

    def spend(self, request: PriceRequest) -> bool:
        """Charges one paid quote to who asks; False where their allowance is used up. Others are never charged.

        The next attempt of a person whose count was forgotten meanwhile is let through: it is in the database when the
        count is learned again.
        """
        paid = self._paid.get(request.user)
        if request.paid_quotes_max is None or not is_charged(request) or paid is None:
            return True
        if paid >= request.paid_quotes_max:
            return False
        self._paid[request.user] = paid + 1
        return True

    def refund(self, request: PriceRequest) -> None:
        """Takes a charge back: the request did not reach the legacy server, and is not paid."""
        if is_charged(request) and self._paid.get(request.user, 0) > 0:
            self._paid[request.user] -= 1


def is_charged(request: PriceRequest) -> bool:
    """Whether a paid quote counts against the allowance of the person who asks."""
    return request.paid_quotes_max is not None and not request.for_trigger


class RefreshBudget:
    """Paid requests for armed triggers in the last minute, at most `a_minute` (None: no limit)."""

    def __init__(self, a_minute: int | None):
        self._a_minute = a_minute
        self._spent_ms: deque[int] = deque()

    def learn(self, asked_ms: list[int]) -> None:
        """Takes in when the owner before asked, oldest first."""
        self._spent_ms.extend(asked_ms)

    def room(self, now_ms: int, wanted: int) -> int:
        """How many of so many refreshes may be sent now."""
        if self._a_minute is None:
            return wanted
        while self._spent_ms and is_due(self._spent_ms[0] + MINUTE_MS, now_ms, MINUTE_MS):
            self._spent_ms.popleft()
        return max(0, min(wanted, self._a_minute - len(self._spent_ms)))

    def take(self, now_ms: int, wanted: int) -> int:
        """How many of so many refreshes may be sent now; they are charged."""
        taken = self.room(now_ms, wanted)
        if self._a_minute is not None:
            self._spent_ms.extend([now_ms] * taken)
        return taken
