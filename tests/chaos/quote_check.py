"""Checks recorded quotes against the quote server's requests and answers, which the proxy wrote down. Reads only."""

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from schema.events import QUOTE_LIFETIME_MS
from schema.money import format_cents
from tests.chaos.database_view import DatabaseView

Answer = tuple[str, str, str, str]
"""Symbol, user, price, crypto key."""

NOBODY_ASKED = "quotecache"
"""User name that the quote server is told if no user caused a request."""

SAME_MS = 1
"""Difference between two readings of the same instant: the processes share one clock, but a ms may end in between."""


@dataclass
class Front:
    """Traffic to the quote server: arrival times of the requests for each answer, and requests by symbol and user."""

    answers: dict[Answer, list[int]] = field(default_factory=lambda: defaultdict(list))
    requests: Counter = field(default_factory=Counter)


def read_front(file: Path) -> Front:
    """Reads the file that quote_front.py writes."""
    front = Front()
    with file.open() as lines:
        for line in map(json.loads, lines):
            if "request" in line:
                front.requests[tuple(line["request"])] += 1
            else:
                # A killed quote server draws the same prices again, so an answer may belong to several requests.
                front.answers[tuple(line["answer"])].append(line["arrived_ms"])
    return front


def untrue_prices(database: DatabaseView, front: Front) -> list[str]:
    """Finds recorded or used prices that the quote server did not answer, or that were too old.

    A quote's life begins when it was requested (spec §1), so no later than the request's arrival at the proxy.
    """
    found = []
    for quote_id, symbol, user, cents, key, asked_ms in database.rows(_PRICES):
        arrivals = front.answers.get((symbol, user or NOBODY_ASKED, format_cents(cents), key), ())
        if not arrivals:
            found.append(f"quote {quote_id}: the quote server never answered {format_cents(cents)} for {symbol}")
        elif asked_ms - SAME_MS > max(arrivals):
            found.append(f"quote {quote_id}: noted as asked at {asked_ms}, the request arrived at {max(arrivals)}")
    for user, seq, age_ms, cents, answered in database.rows(_TRADES):
        name = f"{user}: history row {seq}"
        if cents != answered:
            found.append(f"{name}: price {cents}, the quote's is {answered}")
        elif not 0 <= age_ms < QUOTE_LIFETIME_MS:
            found.append(f"{name}: the price was {age_ms} ms old")
    return found


def unrecorded_requests(database: DatabaseView, front: Front) -> list[str]:
    """Finds requests that arrived and are not recorded, although each is paid for, and records without an end."""
    recorded = {(symbol, user or NOBODY_ASKED): count for symbol, user, count in database.rows(_REQUESTS)}
    found = [
        f"{','.join(asked)}: {count} requests arrived, {recorded.get(asked, 0)} are on record"
        for asked, count in sorted(front.requests.items())
        if count > recorded.get(asked, 0)
    ]
    return found + [f"quote {quote_id} has neither price nor failure" for (quote_id,) in database.rows(_ENDLESS)]


_PRICES = """
    SELECT quote_id, symbol, user_id, price_cents, cryptokey, asked_at_ms FROM quote_fetches
    WHERE price_cents IS NOT NULL ORDER BY quote_id"""

_TRADES = """
    SELECT h.user_id, h.seq, h.at_ms - q.asked_at_ms, h.price_cents, q.price_cents
    FROM history h JOIN quote_fetches q USING (quote_id) ORDER BY 1, 2"""

_REQUESTS = "SELECT symbol, user_id, count(*) FROM quote_fetches GROUP BY 1, 2"

_ENDLESS = "SELECT quote_id FROM quote_fetches WHERE price_cents IS NULL AND failure IS NULL ORDER BY quote_id"
