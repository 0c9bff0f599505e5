"""Steps of a load test: publish a file, then wait until all of it is executed, logged and dumped.

If the last command is a DUMPLOG of everything, the driver holds it back until all earlier commands are executed and
the triggers have settled. So the customer's dump contains the fills that the commands caused.
"""

import time
from collections.abc import Callable

from loadtest.backlog import Backlog
from loadtest.completion import Completion
from loadtest.display import Bars, Lines
from loadtest.process_cpu import ProcessCpu
from loadtest.run import Run
from producers.command_publisher import CommandPublisher
from producers.workload import Workload
from runtime.wall_clock import now_ms
from schema.commands import Command, CommandName
from schema.errors import DayTradeError

POLL_SECONDS = 0.05
SHOW_SECONDS = 0.5

STALL_SECONDS_MAX = 60.0
"""Seconds without progress after which the run has stalled: longer than a lease expiry, a reconnection, or all attempts
to get a quote take."""

DUMP_STALL_FACTOR = 10
"""Factor by which the stall time is longer for dumps: no progress is visible within a dump, and one of ten million
entries takes two minutes. If every remaining dump has a failed attempt, the driver waits only the plain stall time."""

SETTLE_SECONDS_MAX = 15.0
"""Maximum seconds to wait for triggers to settle. A trigger order without a quote waits for one: at most 4 s if the
quote server works, and three times that if it fails."""

COMMANDS_BETWEEN_LOOKS = 1_000
"""Commands published between two readings of the clock, so that reading it costs next to nothing."""


WAIT_SECONDS_MAX = 0.7
"""Seconds that a command may wait behind the backlog; beyond them the driver publishes nothing more.

A person's command must be executed within two seconds. A backlog of this length lets the workers run at full speed."""

RESUMED_BELOW = 0.8
"""Share of the longest wait at which the driver publishes again. Below it, workers would run out of commands."""


class Stalled(DayTradeError):
    """Failure of a run that made no progress for too long; the text says which parts have a backlog."""


class LoadDriver:
    """Driver of one load test."""

    def __init__(
        self,
        run: Run,
        publisher: CommandPublisher,
        completion: Completion,
        backlog: Backlog,
        display: Bars | Lines,
        cpu: ProcessCpu,
        stall_seconds: float = STALL_SECONDS_MAX,
        wait_seconds_max: float = WAIT_SECONDS_MAX,
    ):
        self._run = run
        self._publisher = publisher
        self._completion = completion
        self._backlog = backlog
        self._display = display
        self._cpu = cpu
        self._stall_seconds = stall_seconds
        self._wait_seconds_max = wait_seconds_max
        self._doing = "publishing"
        self._next_show = 0.0
        self._published_before = 0

    def drive(self, workload: Workload, rate: int | None) -> None:
        """Runs the workload; returns when everything is done, except dumps that cannot be written.

        `rate`: commands per second; None publishes as fast as the workers keep up (WAIT_SECONDS_MAX).

        If the workload breaks off, the driver still waits for the commands before that. Raises Stalled,
        BrokerError, StoreError.
        """
        run = self._run
        held = self._publish_all(workload, rate)
        run.unreadable, run.unreadable_shown = workload.unreadable, workload.unreadable_shown
        run.input_fault = workload.fault
        self._publisher.flush()
        run.published_at_ms = now_ms()
        self._wait_for_execution()
        if held is not None:
            self._settle_triggers()
            self._publish(held)
            self._publisher.flush()
            self._wait_for_execution()
        run.executed_at_ms = now_ms()
        run.audit_targets = self._completion.audit_numbers()
        self._wait("storing the log", self._unaudited, "entries of the audit log are not stored")
        run.audited_at_ms = now_ms()
        run.cpu_seconds = self._cpu.stop()
        self._wait_for_dumps()

    def _publish_all(self, workload: Workload, rate: int | None) -> Command | None:
        """Publishes every command except a final DUMPLOG of everything, which it returns."""
        held = None
        look_every = COMMANDS_BETWEEN_LOOKS if rate is None else max(1, min(COMMANDS_BETWEEN_LOOKS, rate // 200))
        self._cpu.start()
        self._run.started_at_ms = now_ms()
        began = time.monotonic()
        for command in workload.commands(self._while_input_is_awaited):
            if held is not None:
                self._publish(held)
                held = None
            if command.name is CommandName.DUMPLOG and command.user is None and command.defect is None:
                held = command
                continue
            self._publish(command)
            if self._run.published % look_every == 0:
                if rate is not None:
                    self._pace(began + self._run.published / rate)
                self._let_workers_catch_up()
                self._show()
        self._display.lines = workload.lines
        return held

    def _let_workers_catch_up(self) -> None:
        """Publishes nothing while the backlog is too long, so that people's commands need not wait behind it."""
        if self._backlog.wait_seconds(now_ms()) <= self._wait_seconds_max:
            return
        self._doing, began = "waiting for workers", time.monotonic()
        while self._backlog.wait_seconds(now_ms()) > self._wait_seconds_max * RESUMED_BELOW:
            if time.monotonic() - max(began, self._backlog.moved_at) > self._stall_seconds:
                behind = self._completion.behind()
                raise Stalled(f"no command was taken for {self._stall_seconds:g} s. Behind: {behind}")
            self._publisher.keep_alive()
            self._show()
            time.sleep(POLL_SECONDS / 2)
        self._run.slowed_seconds += time.monotonic() - began
        self._doing = "publishing"

    def _while_input_is_awaited(self) -> None:
        """Sends the commands of batches that are due, and keeps the connection alive, however long the input takes."""
        self._publisher.pump()
        self._doing = "publishing" if self._run.published > self._published_before else "waiting for input"
        self._published_before = self._run.published
        self._show()

    def _publish(self, command: Command) -> None:
        self._publisher.publish(command)
        self._run.published += 1

    def _pace(self, due: float) -> None:
        """Waits until `due` (`time.monotonic()`), and sends due batches meanwhile."""
        while (early := due - time.monotonic()) > 0:
            self._publisher.pump()
            time.sleep(min(early, POLL_SECONDS / 10))

    def _wait_for_execution(self) -> None:
        published = self._run.published
        self._wait(
            "executing",
            lambda: published - self._completion.executed(),
            "commands are not executed",
            self._completion.progress,
        )

    def _settle_triggers(self) -> None:
        self._doing = "settling triggers"
        deadline = time.monotonic() + SETTLE_SECONDS_MAX
        while unsettled := self._completion.unsettled_triggers():
            if time.monotonic() > deadline:
                break
            self._show()
            self._idle()
        self._run.triggers_unsettled = unsettled

    def _wait_for_dumps(self) -> None:
        """Waits until each dump is written or given up. The report names those that could not be written in time."""
        dump_ids = self._completion.dump_ids()
        moved_at, last = time.monotonic(), None
        while (left := self._completion.dumps_left(dump_ids)) != (0, 0):
            if left != last:
                moved_at, last = time.monotonic(), left
            waiting, delayed = left
            hopeless = waiting == delayed
            self._doing = "waiting for dumps that cannot be written now" if hopeless else "writing dumps"
            patience = 1 if hopeless else DUMP_STALL_FACTOR
            if time.monotonic() - moved_at > self._stall_seconds * patience:
                return
            self._show()
            self._idle()

    def _unaudited(self) -> int:
        stored = self._completion.stored()
        return sum(max(0, number - stored.get(source, 0)) for source, number in self._run.audit_targets.items())

    def _wait(
        self,
        doing: str,
        remaining: Callable[[], int],
        what: str,
        mark: Callable[[], object] | None = None,
    ) -> None:
        """Waits until nothing remains; raises Stalled. `mark` changes only with progress (default: `remaining`)."""
        self._doing = doing
        moved_at, last_mark = time.monotonic(), object()
        while left := remaining():
            new_mark = mark() if mark else left
            if new_mark != last_mark:
                moved_at, last_mark = time.monotonic(), new_mark
            elif time.monotonic() - moved_at > self._stall_seconds:
                behind = self._completion.behind()
                raise Stalled(f"no progress for {self._stall_seconds:g} s: {left:,} {what}. Behind: {behind}")
            self._show()
            self._idle()

    def _idle(self) -> None:
        self._publisher.pump()
        time.sleep(POLL_SECONDS)

    def _show(self) -> None:
        if time.monotonic() < self._next_show:
            return
        baseline = sum(self._run.baseline.stored.values())
        entries = sum(self._completion.audit_numbers().values()) - baseline
        stored = sum(self._completion.stored().values()) - baseline
        self._display.show(self._doing, self._run.published, self._completion.executed_about(), stored, entries)
        self._next_show = time.monotonic() + SHOW_SECONDS
