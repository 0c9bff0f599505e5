"""Load test: reads its settings, runs a workload through the whole system, reports, and returns the exit code.

Environment variables besides those of `schema.settings`: WORKLOAD (a file, a pipe, or `-` for standard input), REPORT
and REPORT_HTML (files to write, as JSON and as a page), EARLIER (a REPORT to compare with on the page), RATE (commands
per second; as fast as possible without it), REPLICAS (number of transaction workers, for the report), and PROCESS_IDS
(`process_cpu.py`).
"""

import contextlib
import os
import secrets
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console

from database.retrying import RetryingDatabase
from loadtest import report
from loadtest.backlog import Backlog
from loadtest.completion import Completion, baseline_of, unready
from loadtest.course import course_of
from loadtest.display import display_for
from loadtest.driver import LoadDriver
from loadtest.process_cpu import ProcessCpu
from loadtest.report import ComparedFigures, LoadReport
from loadtest.report_html import write_html
from loadtest.report_screen import show
from loadtest.run import Run
from loadtest.start_line import UNKNOWN_SERVERS, CalledOff, StartLine
from producers.command_publisher import CommandPublisher
from producers.workload import NothingToRun, Workload
from producers.workload_input import InputError, WorkloadInput, is_workload
from rabbitmq.connection import open_connection
from runtime.log_setup import set_up_logging
from runtime.output_file import require_writable
from runtime.wall_clock import now_ms
from schema.environment import optional_integer
from schema.errors import DayTradeError, SettingsError
from schema.settings import Settings, from_environment

RATE_MAX = 10_000_000
REPLICAS_MAX = 1_000

FAILED, MISUSED, INTERRUPTED = 1, 2, 130

WIDTH_OF_FILES = 110
"""Columns of the report if it goes to a file or a pipe."""

READY_SECONDS_MAX = 30.0
READY_POLL_SECONDS = 0.05


class NotReady(DayTradeError):
    """Failure of workers to start in time."""


@dataclass(frozen=True)
class Options:
    workload: str
    """A path, or `-`."""
    report: Path | None
    page: Path | None
    earlier: ComparedFigures | None
    rate: int | None
    replicas: int | None
    """Number of transaction workers started; None asks the database how many are alive."""


def options_from(environment: Mapping[str, str]) -> Options:
    """Reads the options. Raises SettingsError, also if the file for the report is not writable."""
    workload = environment.get("WORKLOAD")
    if not workload:
        raise SettingsError("WORKLOAD is not set: it must be a workload file, or - for standard input")
    report_file, page_file = (_output(environment, name, workload) for name in ("REPORT", "REPORT_HTML"))
    earlier = environment.get("EARLIER")
    if earlier and not page_file:
        raise SettingsError("EARLIER: the comparison is on the page; set REPORT_HTML to a file for it")
    rate = optional_integer(environment, "RATE", 1, RATE_MAX)
    replicas = optional_integer(environment, "REPLICAS", 1, REPLICAS_MAX)
    before = report.read_json(Path(earlier)) if earlier else None
    return Options(workload, report_file, page_file, before, rate, replicas)


def _output(environment: Mapping[str, str], variable: str, workload: str) -> Path | None:
    file = environment.get(variable)
    if not file:
        return None
    require_writable(Path(file), variable)
    if os.path.exists(file) and is_workload(file, workload):
        raise SettingsError(f"{variable}={file}: is the workload itself, which the report would replace")
    return Path(file)


def main(held: tuple[int, int] | None = None) -> int:
    """Runs a load test. Exit codes: 0 all checks passed, 1 not, 2 misused, 130 interrupted.

    `held`: file descriptors of the two pipes through which `deploy/` holds the run back until its servers are up
    (`start_line.py`).
    """
    start = StartLine(*held) if held else None
    so_far = "nothing was published"
    try:
        environment = os.environ | (UNKNOWN_SERVERS if start else {})
        settings = from_environment(environment)
        options = options_from(environment)
        with WorkloadInput(options.workload) as opened:
            workload = Workload(opened, secrets.randbits(63))
            workload.prepare(_notice)
            if start:
                environment = os.environ | start.wait(workload.lines)
                settings = from_environment(environment)
            set_up_logging(settings.log_level, "loadtest")
            so_far = "the workers still execute what was published"
            begun = start.begun if start else lambda: None
            result = run_load(settings, options, workload, ProcessCpu(environment), _console(), begun)
        if options.report:
            report.write_json(result, options.report)
    except (SettingsError, NothingToRun, InputError) as error:
        return _fail(error, MISUSED)
    except CalledOff:
        return FAILED
    except DayTradeError as error:
        return _fail(error, FAILED)
    except KeyboardInterrupt:
        return _fail(f"interrupted; {so_far}", INTERRUPTED)
    return 0 if report.passed(result) else FAILED


def run_load(
    settings: Settings,
    options: Options,
    workload: Workload,
    cpu: ProcessCpu,
    console: Console,
    begun: Callable[[], None],
) -> LoadReport:
    """Runs the load test, from waiting for the workers to showing the report. Raises DayTradeError."""
    with contextlib.closing(RetryingDatabase(settings.database_url)) as database:
        _wait_for_workers(database, options.replicas)
        run = Run(workload.source, workload.name, baseline_of(database))
        backlog = Backlog(database)
        connect = partial(open_connection, settings.amqp_url, "loadtest")
        publisher = CommandPublisher(connect, on_sent=backlog.note_sent)
        try:
            parameters = {
                "source": run.source,
                "workload": run.workload,
                "now_ms": now_ms(),
                "replicas": options.replicas,
            }
            database.write(_BEGIN, **parameters)
            begun()  # from here on, deploy/ may drop the last run's data
            with display_for(console, workload.lines) as display:
                completion = Completion(database, run, publisher.messages, publisher.sent_ms)
                LoadDriver(run, publisher, completion, backlog, display, cpu).drive(workload, options.rate)
            database.write(_END, source=run.source, published=run.published)
            replicas = options.replicas or database.value(_LIVE_REPLICAS)
            result = report.make_report(database, run, settings, replicas, publisher.server_version)
            if options.page:
                write_html(result, course_of(database, run), options.earlier, options.page)
        finally:
            publisher.close()
    show(result, console)
    return result


def _wait_for_workers(database: RetryingDatabase, replicas: int | None) -> None:
    deadline = time.monotonic() + READY_SECONDS_MAX
    while missing := unready(database, replicas):
        if time.monotonic() > deadline:
            raise NotReady(f"{missing}: are the workers up? `make up` starts them")
        time.sleep(READY_POLL_SECONDS)


def _console() -> Console:
    console = Console(markup=False)  # brackets in a file name are not markup
    return console if console.is_terminal else Console(width=WIDTH_OF_FILES, markup=False)


def _notice(text: str) -> None:
    print(f"loadtest: {text}", file=sys.stderr)


def _fail(why: object, code: int) -> int:
    print(f"loadtest: {why}", file=sys.stderr)
    return code


_BEGIN = """
    INSERT INTO runs (source, workload, started_at_ms, replicas) VALUES (:source, :workload, :now_ms, :replicas)
    ON CONFLICT DO NOTHING"""

_END = "UPDATE runs SET published = :published WHERE source = :source"

_LIVE_REPLICAS = """
    SELECT count(*) FROM replicas WHERE consumer_group = 'transactions' AND live_until > clock_timestamp()"""
