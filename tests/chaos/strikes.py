"""The faults, each as a course of action: what is done, when it has struck, when it is over.

A course is a generator. It yields a text at the moment it strikes, None while it waits for something, and ends when
there is nothing more to do. None of them judges what comes of it.
"""

import random
import signal
import time
from collections.abc import Callable, Generator, Iterator

from deploy.private import POSTGRES, RABBITMQ
from tests.chaos.eye import APPLICATION, Eye
from tests.chaos.fleet import Fleet, kind_of
from tests.chaos.links import AMQP, DATABASE, Links
from tests.chaos.load import Load
from tests.chaos.plan import POINTS, POISON_MESSAGES, Fault, victim_of
from tests.chaos.prober import FILL, PIPELINE, QUOTE, Prober
from tests.chaos.quote_front import HONEST
from tests.chaos.servers import Servers

DELAY_SECONDS = 0.2
DELAYED_SECONDS = 3.0
POINT_SECONDS_MAX = 40.0
"""For a process to come to the point at which it is to die."""

STIR_SECONDS = 0.7
QUOTES_SECONDS_MAX = 6.0
QUOTES_AFFECTED = 3

PASSES = {"transactions": (2, 10), "audit": (2, 6), "triggers": (1, 1), "quotecache": (1, 2)}
"""How often a process passes its point before it dies there: from, to."""

Course = Iterator[str | None]

MISSED = "missed"
"""Begins the text of a fault that did not come to strike."""


class Strikes:
    def __init__(self, fleet: Fleet, links: Links, servers: Servers, load: Load, eye: Eye, prober: Prober):
        self._fleet, self._links, self._servers = fleet, links, servers
        self._load, self._eye, self._prober = load, eye, prober

    def course(self, fault: Fault) -> Course:
        """What this fault does."""
        what, _, of = fault.kind.partition(" ")
        draw = random.Random(fault.dice)
        match what:
            case "kill":
                return self._kill(self._victim(of, draw))
            case "pause":
                return self._pause(self._victim(of, draw), fault.seconds)
            case "point":
                return self._point(of, draw)
            case "hang":
                return self._hang(of, draw, fault.seconds)
            case "rabbitmq":
                return self._server(RABBITMQ, of == "restart")
            case "postgres":
                return self._terminate(draw) if of == "terminate" else self._server(POSTGRES, of == "restart")
            case "reset":
                return self._reset(of)
            case "delay":
                return self._delay(of)
            case "quotes":
                return self._quotes(of)
            case "publisher":
                return self._publisher()
            case "scale":
                return self._scale()
            case "poison":
                return self._poison()
        raise AssertionError(fault)

    def _victim(self, kind: str, draw: random.Random) -> str:
        """One that owns something, where the database can tell."""
        owners = self._eye.glance("SELECT DISTINCT owner FROM partitions WHERE consumer_group = %s", (kind,)) or []
        slots = sorted({owner.partition("@")[0] for (owner,) in owners if owner} & set(self._fleet.running(kind)))
        return draw.choice(slots or self._fleet.running(kind))

    def _kill(self, slot: str) -> Course:
        self._fleet.kill(slot)
        yield slot

    def _pause(self, slot: str, seconds: float) -> Course:
        self._fleet.signal(slot, signal.SIGSTOP)
        yield f"{slot} for {seconds:g} s"
        yield from _for(seconds)
        self._fleet.signal(slot, signal.SIGCONT)

    def _point(self, point: str, draw: random.Random) -> Course:
        kind = POINTS[point]
        armed = f"{point}:{draw.randint(*PASSES[kind])}"
        running = sorted(self._fleet.running(kind))
        if kind == "quotecache":  # its owner keeps it: the other one is armed, and then becomes the owner
            owner = self._victim(kind, draw)
            slot = next(other for other in running if other != owner)
            self._fleet.replace(slot, armed)
            yield from self._comes(lambda: bool(self._eye.glance(_STANDS_BY, (f"{slot}@",))))
            self._fleet.replace(owner, "")
        else:
            slot = running[0] if kind == "audit" else draw.choice(running)
            self._fleet.replace(slot, armed)
        if (yield from self._comes(lambda: point in self._fleet.pointed)):
            self._fleet.pointed.remove(point)
            yield f"{slot} at {armed}"
        else:
            yield from self._missed(slot, armed)

    def _hang(self, point: str, draw: random.Random, seconds: float) -> Course:
        kind = POINTS[point]
        slot, armed = draw.choice(self._fleet.running(kind)), f"{point}:{draw.randint(*PASSES[kind])}:stop"
        self._fleet.replace(slot, armed)
        if not (yield from self._comes(lambda: self._fleet.stopped(slot))):
            yield from self._missed(slot, armed)
            return
        yield f"{slot} at {armed} for {seconds:g} s"
        yield from _for(seconds)
        self._fleet.signal(slot, signal.SIGCONT)

    def _missed(self, slot: str, armed: str) -> Course:
        self._fleet.replace(slot, "")  # or it would strike in the middle of another fault
        yield f"{MISSED}: {slot} did not come to {armed}"

    def _comes(self, condition: Callable[[], bool]) -> Generator[None, None, bool]:
        """Whether a process comes to its point in time; it gets something to do meanwhile."""
        deadline, stir_at = time.monotonic() + POINT_SECONDS_MAX, 0.0
        while not condition():
            if time.monotonic() > deadline:
                return False
            if time.monotonic() > stir_at:
                stir_at = time.monotonic() + STIR_SECONDS
                self._prober.stir()
            yield None
        return True

    def _server(self, server: str, gently: bool) -> Course:
        self._servers.end(server, gently)
        yield ""

    def _terminate(self, draw: random.Random) -> Course:
        rows = self._eye.glance(_BACKENDS, (APPLICATION,)) or []
        chosen = draw.sample(rows, max(1, len(rows) // 2)) if rows else []
        for (pid,) in chosen:
            self._eye.glance("SELECT pg_terminate_backend(%s)", (pid,))
        yield f"{len(chosen)} of {len(rows)} backends"

    def _reset(self, server: str) -> Course:
        count = self._links.reset(self._of(server))
        yield f"{count} connections"

    def _delay(self, server: str) -> Course:
        self._links.delay(self._of(server), DELAY_SECONDS)
        yield f"{DELAY_SECONDS * 1000:.0f} ms each way for {DELAYED_SECONDS:g} s"
        yield from _for(DELAYED_SECONDS)
        self._links.delay(self._of(server), 0.0)

    def _of(self, server: str) -> list[str]:
        assert server in (AMQP, DATABASE), server
        return [name for name in self._links.names if name.endswith(f"/{server}")]

    def _quotes(self, mode: str) -> Course:
        self._links.quotes(mode)
        yield None
        deadline, affected, stir_at = time.monotonic() + QUOTES_SECONDS_MAX, 0, 0.0
        while affected < QUOTES_AFFECTED and time.monotonic() < deadline:
            if time.monotonic() > stir_at:
                stir_at = time.monotonic() + STIR_SECONDS
                self._prober.probe(QUOTE)
            affected += self._links.quotes(mode)
            yield None
        affected += self._links.quotes(HONEST)
        yield f"{affected} requests" if affected else f"{MISSED}: nobody asked"

    def _publisher(self) -> Course:
        if self._load.done:
            yield f"{MISSED}: it had finished"
            return
        self._load.kill()
        confirmed = self._load.confirmed
        self._load.resume()
        yield f"after line {confirmed} was confirmed"

    def _scale(self) -> Course:
        began = time.monotonic()
        for n in range(1, 4):
            self._fleet.start(f"transactions-{n}")
        while not self.even():
            yield None
        up_seconds = time.monotonic() - began
        for n in (0, 2):  # among them the one that had everything
            self._fleet.retire(f"transactions-{n}")
        yield f"even over 4 after {up_seconds:.1f} s, then 2"
        while not self.even():
            yield None

    def even(self) -> bool:
        """Whether the transactions' partitions are spread evenly over the workers that are meant to run."""
        rows = self._eye.glance(_SHARES) or []
        owners = {owner.partition("@")[0] for owner, _ in rows}
        counts = [count for _, count in rows]
        return owners == set(self._fleet.running("transactions")) and max(counts) - min(counts) <= 1

    def _poison(self) -> Course:
        done = self._prober.send_poison(POISON_MESSAGES)
        yield f"{POISON_MESSAGES} messages"
        while not done.is_set():
            yield None


def parts_of(kind: str) -> tuple[str, ...]:
    """What must work again for the system to have recovered from a fault."""
    match victim_of(kind):
        case "transactions" | "audit":
            return (PIPELINE,)
        case "triggers":
            return (PIPELINE, FILL)
        case "quotecache" | "quote-server":
            return (PIPELINE, QUOTE)
    return (PIPELINE, QUOTE) if kind.startswith(("quotes", "poison", "publisher")) else (PIPELINE, QUOTE, FILL)


def counts_from_end(kind: str) -> bool:
    """Whether recovery can only begin when the fault is over: nothing else can give quotes, or a network."""
    return kind.startswith(("quotes", "delay", "pause quote-server"))


def _for(seconds: float) -> Course:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield None


_STANDS_BY = "SELECT 1 FROM replicas WHERE starts_with(replica, %s) AND live_until > clock_timestamp()"

_BACKENDS = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND application_name <> %s AND backend_type = 'client backend'"""

_SHARES = """
    SELECT owner, count(*) FROM partitions
    WHERE consumer_group = 'transactions' AND lease_until > clock_timestamp() GROUP BY owner"""

assert {kind_of(f"{kind}-0") for kind in POINTS.values()} <= PASSES.keys()
