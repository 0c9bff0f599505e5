"""Plan of a round: its faults and its load, drawn from its seed alone. Pure.

Faults are dealt like cards, so enough consecutive seeds to use up a deck have each kind once.
"""

import random
from dataclasses import dataclass

from tests.chaos.quote_front import MODES

WORKERS = ("transactions", "audit", "triggers", "quotecache")
PROCESSES = (*WORKERS, "quote-server")

POINTS = {
    "before-commit": "transactions",
    "in-copy": "transactions",
    "after-commit": "transactions",
    "after-publish": "transactions",
    "after-copy": "audit",
    "before-fill": "triggers",
    "before-ask": "quotecache",
    "before-answer": "quotecache",
}
"""Named fault points (runtime/faults.py), and the process that passes each."""

HANG = "hang before-commit"
"""Fault in which a transaction worker stops before its commit, loses its lease, wakes up and tries to commit."""

SERVER_FAULTS = ("rabbitmq restart", "rabbitmq kill", "postgres restart", "postgres kill")
"""Faults that need servers of this checkout, because they kill them."""

KINDS = (
    *(f"kill {process}" for process in PROCESSES),
    *(f"pause {process}" for process in PROCESSES),
    *(f"point {point}" for point in POINTS),
    HANG,
    *SERVER_FAULTS,
    "postgres terminate",
    "reset amqp",
    "reset database",
    "delay amqp",
    "delay database",
    *(f"quotes {mode}" for mode in MODES),
    "publisher kill",
    "scale 1-4-2",
    "invalid messages",
)

FIRST = ("scale 1-4-2", "publisher kill")
"""Kinds that strike before all others of their round."""

CONSUMER_SECONDS_MAX, RABBITMQ_SECONDS_MAX, POSTGRES_SECONDS_MAX = 5.0, 15.0, 10.0
"""Longest time until everything works again, in docs/reliability.md."""

EVEN_SECONDS_MAX = 5.0
"""Longest time from a change of the live replicas until they share the partitions evenly."""

SECONDS = {
    "kill": 3.8,
    "pause": 5.0,
    "point": 5.0,
    "hang": 6.0,
    "rabbitmq": 7.0,
    "postgres": 4.0,
    "delay": 4.0,
    "scale": 5.0,
}
SECONDS_OTHERWISE = 2.0
"""Usual time from a fault to the next, by kind; it sets the pace of the load."""

LEAD_SECONDS = 1.5
"""Time under load before the first fault."""

LONG_SECONDS = 80.0
"""Length of a round in which orders expire, which takes 60 s."""

LONG_PAUSE_SECONDS, LONG_PAUSE_SHARE = 30.0, 0.1
"""Length and share of a soak's long pauses, after which others have long taken the paused process's work over."""

INVALID_MESSAGES = 500


@dataclass(frozen=True)
class Fault:
    """Fault of a plan. `at_rows`: number of history rows at which it strikes. `dice`: seed of its random choices."""

    kind: str
    at_rows: int
    seconds: float
    dice: int


@dataclass(frozen=True)
class Plan:
    """Plan of a round. `storm`: faults do not wait for the recovery from the one before; quotes take their real time.

    `limited`: recovery must keep its time limits. Tests do not set it, because they run on machines of any speed.
    """

    seed: int
    commands: int
    rate: float
    quotes: str
    storm: bool
    limited: bool
    faults: tuple[Fault, ...]

    def replicas(self, process: str) -> int:
        """Returns the number of processes at the start: two where a fault makes one take over from another."""
        if process == "transactions":
            return 1 if any(fault.kind == "scale 1-4-2" for fault in self.faults) else 2
        return 1 + (process in WORKERS and any(victim_of(fault.kind) == process for fault in self.faults))


def deal(seed: int, size: int) -> list[str]:
    """Returns the kinds of faults of a seed: `size` of them, in order."""
    hands = -(-len(KINDS) // size)
    deck_number, hand = divmod(seed - 1, hands)
    deck = list(KINDS)
    draw = random.Random(deck_number)
    draw.shuffle(deck)
    deck += draw.sample(deck[: -len(deck) % size or len(deck)], -len(deck) % size)
    return deck[hand * size : (hand + 1) * size]


def plan_of(
    seed: int, commands: int, size: int, soak: bool = False, kinds: tuple[str, ...] = (), short: bool = False
) -> Plan:
    """Makes the plan of a seed. `kinds` replaces the dealt faults. `short`: pauses are short, and no order expires."""
    draw = random.Random(seed)
    dealt = list(kinds) or deal(seed, size)
    # Scaling needs a start with one worker, and later faults need several; a publisher must be killed while it works.
    dealt.sort(key=lambda kind: FIRST.index(kind) if kind in FIRST else len(FIRST))
    lengths = [_seconds(draw, soak, short) for _ in dealt]
    expected = [_expected_seconds(kind, length) for kind, length in zip(dealt, lengths, strict=True)]
    seconds = LEAD_SECONDS + sum(expected)
    begins = [(LEAD_SECONDS + sum(expected[:n])) / seconds for n in range(len(dealt))]
    faults = tuple(
        Fault(kind, int(commands * begin), length, draw.getrandbits(32))
        for kind, begin, length in zip(dealt, begins, lengths, strict=True)
    )
    if seed % 10 == 7 and not short:
        seconds = max(seconds, LONG_SECONDS)
    storm = seed % 5 == 3
    return Plan(
        seed=seed,
        commands=commands,
        rate=commands / seconds,
        quotes="realistic" if storm else "instant",
        storm=storm,
        limited=not short,
        faults=faults,
    )


def victim_of(kind: str) -> str:
    """Returns the kind of process that a fault is about, or ""."""
    what, _, of = kind.partition(" ")
    if what in ("point", "hang"):
        return POINTS[of]
    return of if what in ("kill", "pause") else ""


def server_of(kind: str) -> str:
    """Returns the server that a fault makes unreachable for a while, or ""."""
    return kind.partition(" ")[0] if kind in SERVER_FAULTS else ""


def limit_seconds(kind: str) -> float | None:
    """Returns the longest time that recovery from a fault may take, or None if there is no limit."""
    what = kind.partition(" ")[0]
    if victim_of(kind) in WORKERS or what == "scale":
        return CONSUMER_SECONDS_MAX
    if what == "rabbitmq":
        return RABBITMQ_SECONDS_MAX
    return POSTGRES_SECONDS_MAX if what == "postgres" else None


def _expected_seconds(kind: str, seconds: float) -> float:
    what = kind.partition(" ")[0]
    return seconds if what == "pause" else SECONDS.get(what, SECONDS_OTHERWISE)


def _seconds(draw: random.Random, soak: bool, short: bool) -> float:
    """Draws the length of a pause: longer than the lease of 3 s."""
    if soak and draw.random() < LONG_PAUSE_SHARE:
        return LONG_PAUSE_SECONDS
    return round(draw.uniform(4.0, 4.5 if short else 8.0), 1)
