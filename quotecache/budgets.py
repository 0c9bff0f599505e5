"""Limits on paid quotes: each person's allowance per day, and the budget of refreshes per minute (spec §3a).

Pure: no I/O, no clock (time is an argument), no logging.
"""

from collections import deque
from collections.abc import Mapping

from schema.events import PriceRequest, is_due

DAY_MS = 86_400_000
MINUTE_MS = 60_000

PEOPLE_MAX = 100_000
"""Maximum people whose count is in memory. Beyond it all counts are dropped and read from the database again."""


def day_of(now_ms: int) -> int:
    """Returns the start of the UTC day in ms since the epoch; allowances are renewed then."""
    return now_ms - now_ms % DAY_MS


class PaidQuoteCounts:
    """Paid quotes that each person caused today. A person's count is unknown until `learn` was given it."""

    def __init__(self) -> None:
        self._day_ms = 0
        self._paid: dict[str, int] = {}

    def begin(self, now_ms: int) -> None:
        """Forgets all counts when a new day begins or there are more than `PEOPLE_MAX`. Call it before `knows`."""
        if day_of(now_ms) != self._day_ms or len(self._paid) > PEOPLE_MAX:
            self._day_ms = day_of(now_ms)
            self._paid.clear()

    def knows(self, user: str) -> bool:
        """Whether this person's count of today is known."""
        return user in self._paid

    def learn(self, paid: Mapping[str, int]) -> None:
        """Takes in the numbers of paid quotes that people caused today, from the database."""
        self._paid |= paid

    def spend(self, request: PriceRequest) -> bool:
        """Charges one paid quote to the requesting person; returns False if their allowance is used up.

        Requests that are not charged (`is_charged`) always pass. So does the retry of a person whose count was
        forgotten meanwhile: the database has that request when the count is learned again.
        """
        paid = self._paid.get(request.user)
        if request.paid_quotes_max is None or not is_charged(request) or paid is None:
            return True
        if paid >= request.paid_quotes_max:
            return False
        self._paid[request.user] = paid + 1
        return True

    def refund(self, request: PriceRequest) -> None:
        """Takes a charge back because the request did not reach the legacy server and is not paid."""
        if is_charged(request) and self._paid.get(request.user, 0) > 0:
            self._paid[request.user] -= 1


def is_charged(request: PriceRequest) -> bool:
    """Whether a paid quote counts against the allowance of the requesting person."""
    return request.paid_quotes_max is not None and not request.for_trigger


class RefreshBudget:
    """Limit on paid requests for armed triggers: at most `a_minute` in any minute (None: no limit)."""

    def __init__(self, a_minute: int | None):
        self._a_minute = a_minute
        self._spent_ms: deque[int] = deque()

    def learn(self, asked_ms: list[int]) -> None:
        """Takes in the times of the previous owner's requests, oldest first."""
        self._spent_ms.extend(asked_ms)

    def room(self, now_ms: int, wanted: int) -> int:
        """Returns how many of the `wanted` refreshes may be sent now."""
        if self._a_minute is None:
            return wanted
        while self._spent_ms and is_due(self._spent_ms[0] + MINUTE_MS, now_ms, MINUTE_MS):
            self._spent_ms.popleft()
        return max(0, min(wanted, self._a_minute - len(self._spent_ms)))

    def left(self, now_ms: int) -> int | None:
        """Returns how many refreshes may be sent now; None if there is no limit."""
        return None if self._a_minute is None else self.room(now_ms, self._a_minute)

    def take(self, now_ms: int, wanted: int) -> int:
        """Charges as many of the `wanted` refreshes as may be sent now, and returns their number."""
        taken = self.room(now_ms, wanted)
        if self._a_minute is not None:
            self._spent_ms.extend([now_ms] * taken)
        return taken
