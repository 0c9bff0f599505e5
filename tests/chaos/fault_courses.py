"""Courses of faults: how each fault is carried out, and how it reports that it has struck.

A course is a generator. It yields a Report when the fault strikes or misses, and None while it waits. It ends when
nothing more is to be done. Courses do not judge the effect.
"""

import random
import signal
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

from bench.processes import kind_of
from deploy.servers.private import POSTGRES, RABBITMQ
from tests.chaos.database_view import APPLICATION, DatabaseView
from tests.chaos.evenness import Evenness
from tests.chaos.fleet import Fleet
from tests.chaos.links import AMQP, DATABASE, Links
from tests.chaos.plan import INVALID_MESSAGES, POINTS, WORKERS, Fault, victim_of
from tests.chaos.prober import FILL, PIPELINE, QUOTE, Prober
from tests.chaos.publisher_process import PublisherProcess
from tests.chaos.quote_front import HONEST
from tests.chaos.servers import Servers

DELAY_SECONDS = 0.2
DELAYED_SECONDS = 3.0
POINT_SECONDS_MAX = 40.0
"""Longest wait for a process to come to the fault point at which it ends itself."""

VICTIM_SECONDS_MAX = 5.0
"""Longest wait for an owner to strike. During the recovery from another fault there may be none for a moment."""

STIR_SECONDS = 0.7
"""Time between two probes that are sent to give the processes work."""

QUOTES_SECONDS_MAX = 6.0
QUOTES_AFFECTED = 3
"""Number of affected requests after which a fault of the quote server ends."""

PASSES = {"transactions": (2, 10), "audit": (2, 6), "triggers": (1, 1), "quotecache": (1, 2)}
"""Bounds for how often a process passes its fault point before it ends itself there."""


@dataclass(frozen=True)
class Report:
    """Description of a fault for people. A course's later report replaces its earlier one.

    `struck`: whether the fault had an effect. `even_seconds`: seconds after each change in the number of workers until
    they shared the partitions evenly.
    """

    text: str
    struck: bool = True
    even_seconds: tuple[float, ...] = ()


Course = Iterator[Report | None]


class FaultCourses:
    """Maker of the course of each fault of a round."""

    def __init__(
        self,
        fleet: Fleet,
        links: Links,
        servers: Servers,
        publisher: PublisherProcess,
        database: DatabaseView,
        prober: Prober,
        evenness: Evenness,
    ):
        self._fleet, self._links, self._servers = fleet, links, servers
        self._publisher_process, self._database, self._prober = publisher, database, prober
        self._evenness = evenness

    def course(self, fault: Fault) -> Course:
        """Returns the course of a fault."""
        what, _, of = fault.kind.partition(" ")
        draw = random.Random(fault.dice)
        match what:
            case "kill":
                return self._kill(of, draw)
            case "pause":
                return self._pause(of, draw, fault.seconds)
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
            case "invalid":
                return self._invalid_messages()
        raise AssertionError(fault)

    def _victim(self, kind: str, draw: random.Random) -> Generator[None, None, str | None]:
        """Chooses a live process; a worker must own a partition. Returns None if none appears in time."""
        deadline = time.monotonic() + VICTIM_SECONDS_MAX
        while time.monotonic() < deadline:
            slots = {slot for slot in self._fleet.running(kind) if self._fleet.alive(slot)}
            if kind in WORKERS:
                slots &= {owner.partition("@")[0] for (owner,) in self._database.rows_or_none(_OWNERS, (kind,)) or ()}
            if slots:
                return draw.choice(sorted(slots))
            yield
        return None

    def _kill(self, kind: str, draw: random.Random) -> Course:
        slot = yield from self._victim(kind, draw)
        if slot and self._fleet.kill(slot):
            yield Report(slot)
        else:
            yield Report(f"no {kind} was at work", struck=False)

    def _pause(self, kind: str, draw: random.Random, seconds: float) -> Course:
        slot = yield from self._victim(kind, draw)
        if not (slot and self._fleet.signal(slot, signal.SIGSTOP)):
            yield Report(f"no {kind} was at work", struck=False)
            return
        yield Report(f"{slot} for {seconds:g} s")
        yield from _for(seconds)
        self._fleet.signal(slot, signal.SIGCONT)

    def _point(self, point: str, draw: random.Random) -> Course:
        kind = POINTS[point]
        armed = f"{point}:{draw.randint(*PASSES[kind])}"
        running = sorted(self._fleet.running(kind))
        if kind == "quotecache":
            # A process gets its fault point by a restart, which ends its ownership. So the other one gets the point,
            # and becomes the owner when the owner restarts.
            owner = yield from self._victim(kind, draw)
            if owner is None:
                yield Report(f"no {kind} was at work", struck=False)
                return
            slot = next(other for other in running if other != owner)
            self._fleet.replace(slot, armed)
            yield from self._comes(lambda: bool(self._database.rows_or_none(_STANDS_BY, (f"{slot}@",))))
            self._fleet.replace(owner, "")
        else:
            slot = running[0] if kind == "audit" else draw.choice(self._fleet.unarmed(kind) or running)
            self._fleet.replace(slot, armed)
        if (yield from self._comes(lambda: point in self._fleet.pointed)):
            self._fleet.pointed.remove(point)
            yield Report(f"{slot} at {armed}")
        else:
            yield self._missed(slot, armed)

    def _hang(self, point: str, draw: random.Random, seconds: float) -> Course:
        kind = POINTS[point]
        slots = self._fleet.unarmed(kind) or self._fleet.running(kind)
        slot, armed = draw.choice(slots), f"{point}:{draw.randint(*PASSES[kind])}:stop"
        self._fleet.replace(slot, armed)
        if not (yield from self._comes(lambda: self._fleet.stopped(slot))):
            yield self._missed(slot, armed)
            return
        yield Report(f"{slot} at {armed} for {seconds:g} s")
        yield from _for(seconds)
        self._fleet.signal(slot, signal.SIGCONT)

    def _missed(self, slot: str, armed: str) -> Report:
        self._fleet.replace(slot, "")  # otherwise it would strike in the middle of another fault
        return Report(f"{slot} did not come to {armed}", struck=False)

    def _comes(self, condition: Callable[[], bool]) -> Generator[None, None, bool]:
        """Whether a process comes to its fault point in time; meanwhile the prober gives it work."""
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
        ended = self._servers.end(server, gently)
        yield Report("" if ended else f"{server} did not run", struck=ended)

    def _terminate(self, draw: random.Random) -> Course:
        rows = self._database.rows_or_none(_BACKENDS, (APPLICATION,)) or []
        chosen = draw.sample(rows, max(1, len(rows) // 2)) if rows else []
        ended = sum(self._database.rows_or_none("SELECT pg_terminate_backend(%s)", pid) == [(True,)] for pid in chosen)
        yield Report(f"{ended} of {len(rows)} backends", struck=ended > 0)

    def _reset(self, server: str) -> Course:
        count = self._links.reset(self._of(server))
        yield Report(f"{count} connections", struck=count > 0)

    def _delay(self, server: str) -> Course:
        self._links.delay(self._of(server), DELAY_SECONDS)
        yield Report(f"{DELAY_SECONDS * 1000:.0f} ms each way for {DELAYED_SECONDS:g} s")
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
        yield Report(f"{affected} requests", struck=affected > 0)

    def _publisher(self) -> Course:
        if self._publisher_process.done:
            yield Report("it had finished", struck=False)
            return
        self._publisher_process.kill()
        confirmed = self._publisher_process.confirmed
        self._publisher_process.resume()
        yield Report(f"after line {confirmed} was confirmed")

    def _scale(self) -> Course:
        wanted = [f"transactions-{n}" for n in range(4)]
        for slot in wanted:
            if slot not in self._fleet.running("transactions"):
                self._fleet.start(slot)
        up_seconds = yield from self._evenness.course()
        retired = wanted[0], wanted[2]  # includes the first worker, which owned everything
        for slot in retired:
            self._fleet.retire(slot)
        text = f"even over 4 after {up_seconds:.1f} s"
        yield Report(text, even_seconds=(up_seconds,))
        down_seconds = yield from self._evenness.course()
        yield Report(f"{text}, over 2 after {down_seconds:.1f} s", even_seconds=(up_seconds, down_seconds))

    def _invalid_messages(self) -> Course:
        done = self._prober.send_invalid_messages(INVALID_MESSAGES)
        yield Report(f"{INVALID_MESSAGES} messages")
        while not done.is_set():
            yield None


def parts_of(kind: str) -> tuple[str, ...]:
    """Returns the probes that must succeed for the system to have recovered from a fault."""
    match victim_of(kind):
        case "transactions" | "audit":
            return (PIPELINE,)
        case "triggers":
            return (PIPELINE, FILL)
        case "quotecache" | "quote-server":
            return (PIPELINE, QUOTE)
    return (
        (PIPELINE, QUOTE) if kind.startswith(("quotes", "invalid messages", "publisher")) else (PIPELINE, QUOTE, FILL)
    )


def counts_from_end(kind: str) -> bool:
    """Whether recovery can begin only when the fault is over, because nothing replaces quotes or a network."""
    return kind.startswith(("quotes", "delay", "pause quote-server"))


def _for(seconds: float) -> Course:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        yield None


_OWNERS = """
    SELECT DISTINCT owner FROM partitions
    WHERE consumer_group = %s AND owner IS NOT NULL AND lease_until > clock_timestamp()"""

_STANDS_BY = "SELECT 1 FROM replicas WHERE starts_with(replica, %s) AND live_until > clock_timestamp()"

_BACKENDS = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND application_name <> %s AND backend_type = 'client backend'"""

assert {kind_of(f"{kind}-0") for kind in POINTS.values()} <= PASSES.keys()
