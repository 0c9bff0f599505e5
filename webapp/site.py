"""Objects that one web process shares among its requests: settings, database, gateway. Wiring only, no behaviour."""

import math
from collections import Counter, deque
from dataclasses import dataclass, field
from threading import Lock

import msgspec
from flask import current_app

from webapp.gateway import Gateway
from webapp.ids import CommandIds
from webapp.settings import WebSettings
from webapp.store import Store
from webapp.turns import ClientTurns
from webapp.waiting import WaitingPlaces

EXTENSION = "daytrade"


LOOKS_MAX = 600
"""Maximum readings of the history's row counter to remember."""


@dataclass(slots=True)
class SiteCache:
    """Results of reads over the whole system, cached briefly so that the next request costs nothing.

    Each has the `time.monotonic()` of its read; what was never read is infinitely old.
    """

    database: tuple[float, tuple[bool, bool]] = (-math.inf, (False, False))
    """Whether the database takes writes, and whether the log of record is being stored."""
    lengths: tuple[float, dict[str, int]] = field(default_factory=lambda: (-math.inf, {}))
    """Length by stream."""
    quote_cost: tuple[float, msgspec.Struct | None] = (-math.inf, None)
    row_counts: deque[tuple[float, int]] = field(default_factory=lambda: deque(maxlen=LOOKS_MAX))
    """Readings of the history's row counter, the newest last."""


@dataclass(frozen=True, slots=True)
class Site:
    settings: WebSettings
    store: Store
    gateway: Gateway
    ids: CommandIds
    waiting: WaitingPlaces
    exports: WaitingPlaces
    turns: ClientTurns = field(default_factory=ClientTurns)
    cache: SiteCache = field(default_factory=SiteCache)
    cache_lock: Lock = field(default_factory=Lock)
    refused: Counter[str] = field(default_factory=Counter)
    """Refusals by each limit or allowance since this process began; Operations shows them."""


def site() -> Site:
    """The site of the current application."""
    here: Site = current_app.extensions[EXTENSION]
    return here
