"""A person's allowances and their use, and whether refreshes for armed triggers are paused (spec §3a)."""

import math

import msgspec

from runtime.wall_clock import now_ms
from webapp.site import site
from webapp.store import store

DAY_MS, MINUTE_MS = 86_400_000, 60_000

NEAR_PERCENT = 80
"""Used part of an allowance from which Operations counts a person as near its end."""


class Refreshes(msgspec.Struct, frozen=True):
    """Paid price refreshes for armed triggers in the last minute. `a_minute_max` None: there is no limit.

    `paused`: the budget is used up, so triggers see no new price until a minute has passed.
    """

    last_minute: int
    a_minute_max: int | None
    paused: bool


class PersonAllowances(msgspec.Struct, frozen=True):
    """A person's armed trigger orders, and the paid quotes that their own commands caused since midnight UTC."""

    armed: int
    armed_max: int
    paid_quotes: int
    paid_quotes_max: int
    refreshes: Refreshes


class Pressure(msgspec.Struct, frozen=True):
    """How near people are to their allowances, and which limits refused somebody.

    `near_paid_quotes`, `near_armed`: people who have used NEAR_PERCENT of that allowance or more, today and at present.
    `refused`: refusals since this process of the site began, by allowance (its reason) or limit (its name).
    """

    paid_quotes_today: int
    near_paid_quotes: int
    near_armed: int
    refused: dict[str, int]


def pressure() -> Pressure:
    """Use of all people's allowances."""
    now = now_ms()
    most = site().settings.allowances
    near = [max(1, math.ceil(bound * NEAR_PERCENT / 100)) for bound in (most.paid_quotes_max, most.armed_max)]
    row = store().only(_PRESSURE, midnight_ms=now - now % DAY_MS, near_quotes=near[0], near_armed=near[1])
    paid, near_paid, near_armed = row
    return Pressure(paid, near_paid, near_armed, dict(sorted(site().refused.items())))


def allowances(user: str) -> PersonAllowances:
    """The person's use and limits."""
    now = now_ms()
    most = site().settings.allowances
    armed, paid = store().only(_USED, user=user, midnight_ms=now - now % DAY_MS)
    return PersonAllowances(armed, most.armed_max, paid, most.paid_quotes_max, refreshes())


def refreshes() -> Refreshes:
    """Use of the budget for refreshes."""
    most = site().settings.base.refreshes_a_minute
    last = store().only(_REFRESHED, since_ms=now_ms() - MINUTE_MS)[0]
    return Refreshes(last, most, most is not None and last >= most)


_USED = """
    SELECT
        (SELECT count(*) FROM trigger_orders WHERE user_id = :user AND trigger_cents IS NOT NULL),
        (SELECT count(*) FROM quote_fetches WHERE user_id = :user AND charged AND asked_at_ms >= :midnight_ms
            AND paid)"""

_PRESSURE = """
    WITH paid AS (
        SELECT user_id, count(*) AS quotes FROM quote_fetches
        WHERE charged AND paid AND asked_at_ms >= :midnight_ms GROUP BY user_id
    ), armed AS (
        SELECT user_id FROM trigger_orders WHERE trigger_cents IS NOT NULL
        GROUP BY user_id HAVING count(*) >= :near_armed
    )
    SELECT CAST(coalesce(sum(quotes), 0) AS bigint), count(*) FILTER (WHERE quotes >= :near_quotes),
        (SELECT count(*) FROM armed) FROM paid"""

_REFRESHED = "SELECT count(*) FROM quote_fetches WHERE for_trigger AND asked_at_ms > :since_ms"
