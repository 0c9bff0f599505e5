"""Limits on the rate of calls, logins, sign-ups, guessed passwords and dumps. Counted in memory, so per process: the
site has one.

Clients are told apart by person after authentication, else by network (`webapp.addresses`), and never by a text that
they choose: a new text would be a new client. Names are such texts, so guesses are limited by network too.
"""

import math
import time
from http import HTTPStatus

from flask import Flask, Response, request
from flask_limiter import HeaderNames, Limiter
from limits import RateLimitItem, parse, parse_many

from schema.errors import DayTradeError
from webapp.addresses import network_of
from webapp.site import site


def network() -> str:
    """The network of the current request's client."""
    return network_of(request.remote_addr)


_SECONDS_LEFT = "X-RateLimit-Retry-After"
"""Header in which the limiter puts the seconds until its limit is reset: it does so in every answer."""

limiter = Limiter(
    network,
    headers_enabled=True,
    storage_uri="memory://",
    header_name_mapping={HeaderNames.RETRY_AFTER: _SECONDS_LEFT},
)


def init_app(app: Flask) -> None:
    """Makes the limiter count the app's requests."""
    app.after_request(_say_when_to_retry)  # registered before the limiter's own function, so Flask calls it after that
    limiter.init_app(app)


def _say_when_to_retry(response: Response) -> Response:
    """Puts the limit's seconds into the Retry-After of a 429 only: a 503 has its own, which is far shorter."""
    seconds = response.headers.pop(_SECONDS_LEFT, None)
    if response.status_code == HTTPStatus.TOO_MANY_REQUESTS and seconds is not None:
        response.headers.setdefault("Retry-After", seconds)
    return response


login_limit = limiter.shared_limit("10 per minute; 100 per hour", scope="log in", methods=["POST"])
"""Limit per network on logins and on passwords for tokens, counted together."""

sign_up_limit = limiter.limit("10 per hour", methods=["POST"])
"""Limit per network: each sign-up costs an argon2 hash and a permanent row."""

CALLS = "calls"
"""Scope in which the pages and API calls of one client are counted together (`webapp.accounts.client`)."""

PERSONS_RATE = "6000 per minute"
"""Limit on the calls of one person."""

STRANGERS_RATE = "1200 per minute"
"""Limit on the calls of one network without a valid session or token."""

GUESSES = "20 per hour; 100 per day"
"""Limit on wrong passwords for one name, from all networks together, and from one known browser."""

OWN_GUESSES = "10 per hour"
"""Limit on wrong current passwords in a session, when its person changes the password: the session may be stolen."""


class TooMany(DayTradeError):
    """A limit is reached: 429. `limit` names it; the text is for people."""

    def __init__(self, limit: str, sentence: str, retry_after_seconds: int):
        super().__init__(sentence)
        self.limit = limit
        self.retry_after_seconds = retry_after_seconds


def charge(calls: int, client: str, rate: str) -> None:
    """Counts a request that does the work of several calls, beyond the one that is counted for every request.

    Raises TooMany if the client may not make so many; then none of them is counted.
    """
    if not site().settings.limits or calls <= 0:
        return
    item = parse(rate)
    if not limiter.limiter.test(item, client, CALLS, cost=calls):
        raise TooMany("rate of calls", f"{calls + 1:,} commands at once exceed your rate of calls", _left(item, client))
    limiter.limiter.hit(item, client, CALLS, cost=calls)


def _left(item: RateLimitItem, client: str) -> int:
    """Seconds until a client's limit on calls is reset."""
    return max(1, math.ceil(limiter.limiter.get_window_stats(item, client, CALLS).reset_time - time.time()))


class Tries:
    """Tries of one subject: passwords (`count` before one is checked, `forget` when it was right), or requests.

    Each try counts at once, so that tries at the same time cannot exceed the limit.
    """

    def __init__(self, rates: str, limit: str, subject: str, sentence: str):
        self._rates = parse_many(rates)
        self._key = (limit, subject)
        self._limit = limit
        self._sentence = sentence

    def count(self) -> None:
        """Raises TooMany if the subject's limit is reached."""
        if not site().settings.limits:
            return
        refused = [rate for rate in self._rates if not limiter.limiter.test(rate, *self._key)]
        refused = refused or [rate for rate in self._rates if not limiter.limiter.hit(rate, *self._key)]
        if refused:
            raise TooMany(self._limit, self._sentence, max(map(self._seconds_left, refused)))

    def forget(self) -> None:
        if site().settings.limits:
            for rate in self._rates:
                limiter.limiter.clear(rate, *self._key)

    def _seconds_left(self, rate: RateLimitItem) -> int:
        ends_at = limiter.limiter.get_window_stats(rate, *self._key).reset_time
        return max(1, math.ceil(ends_at - time.time()))
