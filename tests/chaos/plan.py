"""Which faults strike in a round, and what the round is like: drawn from its seed alone. Pure.

Faults are dealt like cards: so many consecutive seeds as make a deck have each kind once.
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
"""Named points (runtime/faults.py), and whose they are."""

HANG = "hang before-commit"
"""A transaction worker stops with its decisions made, is taken for dead, and comes back to commit them."""

SERVER_FAULTS = ("rabbitmq restart", "rabbitmq kill", "postgres restart", "postgres kill")
"""Only where the servers are ours to kill."""

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
    "poison",
)

FIRST = ("scale 1-4-2", "publisher kill")
"""These strike before all others of their round."""

CONSUMER_SECONDS_MAX, RABBITMQ_SECONDS_MAX, POSTGRES_SECONDS_MAX = 5.0, 15.0, 10.0
"""Within how long all must be well again (issue 3)."""

EVEN_SECONDS_MAX = 5.0
"""Within how long partitions are even over the live replicas after a change of these."""

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
"""About what a fault takes until the next may strike: sets the pace of the load."""

LEAD_SECONDS = 1.5
"""Of load before the first fault."""

LONG_SECONDS = 80.0
"""Of a round that sees orders expire, which they do after 60."""

LONG_PAUSE_SECONDS, LONG_PAUSE_SHARE = 30.0, 0.1
"""Of some pauses of a soak: of a process that had long been given up."""

POISON_MESSAGES = 500


@dataclass(frozen=True)
class Fault:
    """`at_rows`: it strikes when the history has so many rows. `dice`: for whatever its strike has to draw."""

    kind: str
    at_rows: int
    seconds: float
    dice: int


@dataclass(frozen=True)
class Plan:
    """`storm`: faults do not wait for the recovery from the one before, and quotes take their real time.

    `limited`: recovery is held against its limits. Not in tests: these run on machines of any speed.
    """

    seed: int
    commands: int
    rate: float
    quotes: str
    storm: bool
    limited: bool
    faults: tuple[Fault, ...]

    def replicas(self, process: str) -> int:
        """How many there are at the start: a second one where somebody has to take over."""
        if process == "transactions":
            return 1 if any(fault.kind == "scale 1-4-2" for fault in self.faults) else 2
        return 1 + (process in WORKERS and any(victim_of(fault.kind) == process for fault in self.faults))


def deal(seed: int, size: int) -> list[str]:
    """The kinds of faults of a seed: `size` of them, in their order."""
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
    """The round of a seed. `kinds`: these faults, not the dealt ones. `short`: pauses are, and no order expires."""
    draw = random.Random(seed)
    dealt = list(kinds) or deal(seed, size)
    # Scaling begins with one worker, and others must find enough of them; a publisher must be killed while it works.
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
    """Which process a fault is about; empty where it is about something else."""
    what, _, of = kind.partition(" ")
    if what in ("point", "hang"):
        return POINTS[of]
    return of if what in ("kill", "pause") else ""


def server_of(kind: str) -> str:
    """Which server a fault takes away for a while; empty where none is."""
    return kind.partition(" ")[0] if kind in SERVER_FAULTS else ""


def limit_seconds(kind: str) -> float | None:
    """Within how long the system must have recovered from this; None where nothing is said of it."""
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
    """How long a pause lasts: longer than the lease of 3 s."""
    if soak and draw.random() < LONG_PAUSE_SHARE:
        return LONG_PAUSE_SECONDS
    return round(draw.uniform(4.0, 4.5 if short else 8.0), 1)
