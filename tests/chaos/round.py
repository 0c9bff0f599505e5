"""One round of chaos: fresh database, real processes, workload, faults; then last dump, evidence and judgement."""

import random
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from bench.processes import MODULES, free_port
from deploy.servers.private import POSTGRES, RABBITMQ
from deploy.supervision.foreground import uninterrupted
from schema.errors import BrokerError
from tests.chaos import evidence, excuses, invariants
from tests.chaos.database_view import DatabaseView
from tests.chaos.deadline import Deadline, Stuck
from tests.chaos.dumps import Dumps
from tests.chaos.evenness import Evenness
from tests.chaos.fault_courses import FaultCourses
from tests.chaos.fleet import Fleet, slots
from tests.chaos.invariants import Case, Judged
from tests.chaos.links import PUBLISHER, Links
from tests.chaos.plan import SERVER_FAULTS, Plan
from tests.chaos.prober import Prober
from tests.chaos.publisher_process import PublisherProcess
from tests.chaos.recovery import RecoveryTrial, Strike, uneven
from tests.chaos.result import REST, RoundResult
from tests.chaos.round_databases import RoundDatabases
from tests.chaos.servers import Servers
from tests.chaos.settling import logged, wait_until_settled
from tests.chaos.workload import write_workload

TURN_SECONDS = 0.02
QUOTE_TIMEOUT_MS = 1_500
SERVERS_LOOK_SECONDS = 1.0
START_SECONDS_MAX = 40.0

LOGGER = "audit"
"""Process that stores the audit entries of all others, so it is stopped after them."""


class Round:
    """One round. `sabotage`: a defence to leave out. `exposed`: further defences whose constraints are dropped."""

    keeps_folder = False
    """True keeps the folder even if the round found no violation."""

    def __init__(
        self,
        plan: Plan,
        databases: RoundDatabases,
        folder: Path,
        say: Callable[[str], None],
        patience: float,
        sabotage: str = "",
        exposed: Iterable[str] = (),
    ):
        self._plan, self._databases, self._folder, self._say = plan, databases, folder, say
        self._patience = patience
        self._sabotage, self._exposed = sabotage, {sabotage, *exposed}
        self._trials: list[RecoveryTrial] = []
        self._left_out: list[str] = []
        self._stuck: list[str] = []
        self._look_at_servers = 0.0

    def run(self) -> RoundResult:
        """Runs the round. The result holds every violation; only faults of the harness itself are raised."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        self._databases.prepare(self._exposed)
        self._began = time.monotonic()
        self._set_up()
        try:
            for act in (self._fleet_up, self._publisher_process.start, self._fight, self._settle):
                if not self._stuck:
                    self._attempt(act)
            self._publisher_process.destroy()
            self._prober.stop()
            self._attempt(self._drain)
            self._end_all()
            result = self._judged()
        except BaseException:  # a user interrupted the run, or the harness is wrong: nothing can be judged
            with uninterrupted():
                self._end_all()
            raise
        finally:
            self._database.close()
        if not result.violated and not self.keeps_folder:
            shutil.rmtree(self._folder)
        return result

    def _attempt(self, act: Callable[[], None]) -> None:
        try:
            act()
        except (Stuck, TimeoutError) as error:
            self._stuck.append(str(error))

    # -- preparation

    def _set_up(self) -> None:
        plan, databases = self._plan, self._databases
        workload = self._folder / "workload.txt"
        write_workload(workload, plan.commands, plan.seed)
        quote_server = ("127.0.0.1", free_port())
        self._links = Links(
            [*slots(), PUBLISHER], databases.amqp_url, databases.database_url, quote_server, self._folder
        )
        settings = {
            "QUOTE_SERVER": f"127.0.0.1:{quote_server[1]}",
            "QUOTES": plan.quotes,
            "QUOTE_SEED": str(plan.seed),
            "QUOTE_TIMEOUT_MS": str(QUOTE_TIMEOUT_MS if plan.quotes == "instant" else 4_500),
            "DUMP_DIR": str(self._folder / "dumps"),
            "PYTHONWARNINGS": "error",
        }
        self._fleet = Fleet(self._folder, self._links, settings, self._sabotage)
        self._servers = Servers(databases.amqp_url, databases.database_url)
        self._database = DatabaseView(databases.database_url)
        source = plan.seed * 1000
        self._publisher_process = PublisherProcess(
            self._folder, self._links, workload, source, plan.rate, plan.commands
        )
        self._case = Case(
            databases.database_url, databases.amqp_url, self._folder, workload, source, self._links.answers_file
        )
        self._dumps = Dumps(self._case.lines, lambda: self._publisher_process.confirmed, random.Random(plan.seed))
        self._prober = Prober(databases.amqp_url, databases.database_url, source + 1, plan.seed, self._dumps)
        self._evenness = Evenness(self._database, self._fleet)
        self._courses = FaultCourses(
            self._fleet,
            self._links,
            self._servers,
            self._publisher_process,
            self._database,
            self._prober,
            self._evenness,
        )

    def _fleet_up(self) -> None:
        for kind in MODULES:
            for n in range(self._plan.replicas(kind)):
                self._fleet.start(f"{kind}-{n}")
        self._prober.start()
        deadline = Deadline(START_SECONDS_MAX, "every partition has an owner")
        while self._database.value(_UNOWNED) or not self._evenness.even():
            deadline.check()
            self._turn()
        self._began = time.monotonic()

    def _drain(self) -> None:
        """Ends all processes in order, as in production: the audit worker comes last, when the log is complete."""
        servers = RABBITMQ, POSTGRES
        self._wait(lambda: all(map(self._servers.answers, servers)), "both servers answer", None, self._keep)
        self._fleet.finish(*(kind for kind in MODULES if kind != LOGGER))
        if not self._stuck:
            # This must follow: until the others have ended, an order may expire and add an audit entry.
            stored = "every source's audit entries are stored"
            self._wait(lambda: logged(self._database), stored, None, self._keep)
        self._fleet.finish(LOGGER)

    def _end_all(self) -> None:
        self._publisher_process.destroy()
        self._fleet.destroy()
        self._links.close()

    # -- faults

    def _fight(self) -> None:
        waiting = list(self._plan.faults)
        if not self._servers.are_own:
            self._left_out = [fault.kind for fault in waiting if fault.kind in SERVER_FAULTS]
            waiting = [fault for fault in waiting if fault.kind not in SERVER_FAULTS]
        while waiting or not self._publisher_process.done or not all(trial.over for trial in self._trials):
            if waiting and self._may_begin(waiting[0].at_rows):
                self._begin(waiting.pop(0))
            self._turn()

    def _may_begin(self, at_rows: int) -> bool:
        if not self._plan.storm and not all(trial.over for trial in self._trials):
            return False
        rows = self._database.rows_or_none(_ROWS)
        return rows is not None and (rows[0][0] >= at_rows or self._publisher_process.done)

    def _begin(self, fault) -> None:
        others = [trial for trial in self._trials if not trial.over]
        for trial in others:
            trial.disturbed()
        # In a storm an honest quote takes up to 4 s, and a fault may fall into the rest of another one.
        alone = not others and not self._plan.storm
        course = self._courses.course(fault)
        tools = (self._prober, self._database, self._servers)
        self._trials.append(RecoveryTrial(fault, course, *tools, self._began, self._patience, alone))

    def _turn(self) -> None:
        self._keep()
        for trial in self._trials:
            if not trial.over:
                trial.look()
                if trial.over:
                    self._tell(trial.strike)
                elif trial.hopeless:
                    raise Stuck(f"no recovery from {trial.strike.kind} in {self._patience:g} s")
        if self._prober.defect is not None:
            raise Stuck(f"the prober: {self._prober.defect!r}")

    def _keep(self) -> None:
        """Restarts what has ended, then pauses for a moment."""
        self._fleet.look()
        if time.monotonic() > self._look_at_servers:
            self._look_at_servers = time.monotonic() + SERVERS_LOOK_SECONDS
            self._servers.look()
        time.sleep(TURN_SECONDS)  # interval between two looks at processes, which offer no event to wait for

    def _tell(self, strike: Strike) -> None:
        recovered = "-" if strike.recovered_seconds is None else f"{strike.recovered_seconds:5.2f} s"
        mark = " " if strike.alone else "~"
        text = f"away for {strike.away_seconds:.1f} s" if strike.away_seconds else strike.text
        text = text if strike.struck else f"missed: {text}"
        self._say(f"  {strike.at_seconds:6.1f} s  {strike.kind:22} {mark}{recovered:8} {text}")

    # -- judgement

    def _settle(self) -> None:
        wait_until_settled(self._case, self._database, self._prober, self._dumps, self._publisher_process, self._wait)

    def _wait(
        self,
        condition: Callable[[], bool],
        what: str,
        seconds: float | None = None,
        meanwhile: Callable[[], None] | None = None,
    ) -> None:
        deadline = Deadline(min(self._patience, seconds or self._patience), what)
        while not condition():
            deadline.check()
            (meanwhile or self._turn)()

    def _judged(self) -> RoundResult:
        """Judges the round, even if its servers do not answer in the end."""
        try:
            return self._judge()
        except (TimeoutError, BrokerError) as error:
            seconds = round(time.monotonic() - self._began, 1)
            violations = {REST: [*self._stuck, f"the judges: {error}"]}
            return RoundResult(self._plan.seed, seconds, self._struck(), violations, left_out=self._left_out)

    def _struck(self) -> list[Strike]:
        return [trial.strike for trial in self._trials if trial.strike is not None]

    def _judge(self) -> RoundResult:
        # With a defence left out, replay would only report that what follows a wrong row is wrong as well.
        proofs = invariants.begin_proofs(self._case, replayed=not self._sabotage)
        found = evidence.gather(self._databases.amqp_url, self._prober.invalid)
        case, strikes = self._case, self._struck()
        case.probes, case.dumps = self._prober.given, self._dumps.given
        case.outages = excuses.outages(self._trials, _now_ms())
        case.quoteless = excuses.quoteless(self._trials, _now_ms())
        case.limited = self._plan.limited
        case.deaths = [*self._fleet.deaths, *self._publisher_process.deaths]
        self.judged = Judged(self._database, case, found, strikes)
        violations = {REST: self._stuck}
        violations |= invariants.judge(self.judged, proofs)
        violations["partitions are even soon after a change"] = uneven(strikes, self._plan.limited)
        figures = invariants.figures(self.judged)
        seconds = round(time.monotonic() - self._began, 1)
        return RoundResult(self._plan.seed, seconds, strikes, violations, figures, self._left_out)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


_ROWS = "SELECT coalesce(sum(history_seq), 0)::bigint FROM accounts"

_UNOWNED = "SELECT count(*) FROM partitions WHERE lease_until IS NULL OR lease_until < clock_timestamp()"
