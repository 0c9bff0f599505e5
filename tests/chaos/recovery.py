"""Course of a fault: when it struck, when it was over, and when the system had recovered."""

import time
from dataclasses import dataclass, field

from ownership.partitions import LEASE_MS
from tests.chaos.database_view import DatabaseView
from tests.chaos.fault_courses import Course, Report, counts_from_end, parts_of
from tests.chaos.plan import EVEN_SECONDS_MAX, Fault, server_of
from tests.chaos.prober import Probe, Prober
from tests.chaos.servers import Servers


@dataclass
class Strike:
    """Fault as it happened. Seconds count from the round's start; `alone`: no other fault was under way meanwhile."""

    kind: str
    text: str
    at_seconds: float
    recovered_seconds: float | None = None
    away_seconds: float = 0.0
    """Seconds for which the server that the fault struck refused clients. They are part of the recovery time."""
    alone: bool = True
    struck: bool = True
    """False: the fault had no effect and counts as missed."""
    even_seconds: list[float] = field(default_factory=list)
    """Seconds after each change in the number of workers until they shared the partitions evenly."""


class RecoveryTrial:
    """One fault from its beginning to the recovery."""

    def __init__(
        self,
        fault: Fault,
        course: Course,
        prober: Prober,
        database: DatabaseView,
        servers: Servers,
        began: float,
        patience: float,
        alone: bool,
    ):
        self.strike: Strike | None = None
        self.over = False
        self.hopeless = False
        """Whether recovery has taken so long that waiting longer is pointless."""
        self.began_ms, self.struck_ms, self.recovered_ms = _now_ms(), 0, 0
        """Times by the wall clock; 0: not yet.

        Faults of the quote server act from `began_ms` on, before the harness can know that they have struck.
        """
        self._fault = fault
        self._course = course
        self._prober = prober
        self._database = database
        self._servers = servers
        self._victim = server_of(fault.kind)
        self._began = began
        self._patience = patience
        self._alone = alone
        self._course_ended = False
        self._probe: Probe | None = None
        self._leases_after = 0.0

    def disturbed(self) -> None:
        """Records that another fault has begun before this one was over."""
        self._alone = False
        if self.strike is not None:
            self.strike.alone = False

    def look(self) -> None:
        """Continues the course, then checks whether the system has recovered."""
        if not self._course_ended:
            self._go_on()
        if self._probe is not None and not self.over:
            self._judge()
        if self._course_ended and self.strike is not None and not self.strike.struck:
            self.over = True

    def _go_on(self) -> None:
        try:
            report = next(self._course)
        except StopIteration:
            self._course_ended = True
            if self._probe is None and self.strike.struck:
                self._begin_probe()
            return
        if report is not None:
            self._take(report)

    def _take(self, report: Report) -> None:
        if self.strike is None:
            self.struck_ms = _now_ms()
            at_seconds = time.monotonic() - self._began
            self.strike = Strike(self._fault.kind, "", at_seconds, alone=self._alone, struck=report.struck)
            if report.struck and not counts_from_end(self._fault.kind):
                self._begin_probe()
        self.strike.text = report.text
        self.strike.even_seconds = [round(seconds, 2) for seconds in report.even_seconds]

    def _begin_probe(self) -> None:
        self._probe = self._prober.probe(*parts_of(self._fault.kind))
        self._leases_after = time.time() + LEASE_MS / 1000

    def _judge(self) -> None:
        waited = time.monotonic() - self._probe.sent_at
        if self._victim and self.strike.recovered_seconds is None and not self._servers.answers(self._victim):
            self.strike.away_seconds = round(waited, 2)
        if self._probe.done_at is not None and self.strike.recovered_seconds is None and self._leases_moved():
            self.strike.recovered_seconds = round(waited, 2)
        self.hopeless = self.strike.recovered_seconds is None and waited > self._patience
        if self.strike.recovered_seconds is not None:
            self.recovered_ms = self.recovered_ms or _now_ms()
            self.over = self._course_ended

    def _leases_moved(self) -> bool:
        """Whether every partition of every group has an owner that has renewed its lease since the fault."""
        found = self._database.rows_or_none(_STALE, (self._leases_after,))
        return found is not None and found[0][0] == 0


def uneven(strikes: list[Strike], limited: bool) -> list[str]:
    """Finds changes in the number of workers after which they took too long to share the partitions evenly.

    Changes during another fault do not count. `limited`: whether time limits apply.
    """
    return [
        f"{strike.kind} at {strike.at_seconds:.1f} s: {seconds} s, {EVEN_SECONDS_MAX} s at most"
        for strike in strikes
        for seconds in strike.even_seconds
        if limited and strike.alone and seconds > EVEN_SECONDS_MAX
    ]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


_STALE = """
    SELECT count(*) FROM partitions
    WHERE lease_until IS NULL OR lease_until < to_timestamp(%s) OR lease_until < clock_timestamp()"""
