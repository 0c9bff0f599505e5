"""Thread that writes each dump's file once, or notes why there can be none. No SQL here.

It needs no ownership: markers fix a dump's content, and the dump's row is locked while the file is written. After a
crash it writes again what was unfinished. It retries a dump that cannot be written now, while the log and the other
dumps go on.
"""

import contextvars
import threading
import time

import psycopg
import structlog

from consumers.audit import dump_store
from consumers.audit.dump_file_path import why_not_now
from consumers.audit.dump_folder import DumpFolder
from consumers.audit.dump_retries import Retries
from consumers.audit.dump_store import WaitingDump
from consumers.audit.dump_writing import write
from database.pool import Pool
from database.postgres import translated
from schema.errors import DumpImpossible, StoreError
from schema.outcomes import DumpState
from schema.settings import Settings

STOP_SECONDS_MAX = 5.0
"""Seconds for which a stopping process goes on writing. The next start writes what is left then."""

MISTAKES_MAX = 3
"""Maximum failures of a dump through a mistake in this program, because the next attempt is likely to fail too."""

MISTAKE = "this is a fault in Day Trade: the log of the audit worker has the details"

DATABASE = "database"
"""Key of failed queries for dumps in `Retries`, in place of a dump's id."""

log = structlog.get_logger()


class Dumper:
    """Writes all complete dumps whenever it is woken."""

    def __init__(self, settings: Settings, pool: Pool):
        self._settings = settings
        self._pool = pool
        self._wake = threading.Event()
        self._stopping = False
        self._retries = Retries()
        self._folder = DumpFolder(settings.dump_dir, settings.dump_limits)
        # A daemon: a dump that takes longer than `stop` waits must not keep the process alive.
        in_context = contextvars.copy_context().run
        self._thread = threading.Thread(target=in_context, args=(self._run,), name="dumper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Wakes the thread, because there may be dumps to write."""
        self._wake.set()

    def stop(self) -> None:
        """Stops the thread once it has written all that it can now. Waits for `STOP_SECONDS_MAX` at most."""
        self._stopping = True
        self._wake.set()
        self._thread.join(STOP_SECONDS_MAX)

    def _run(self) -> None:
        while True:
            due = self._retries.next_due()
            self._wake.wait(None if due is None else max(0.0, due - time.monotonic()))
            self._wake.clear()
            self._write_all()
            if self._stopping:
                return

    def _write_all(self) -> None:
        try:
            with dump_store.reader(self._pool, f"dumper {self._settings.replica}") as connection:
                dumps = dump_store.unwritten(connection)
                self._retries.keep(dump.dump_id for dump in dumps)
                for dump in dumps:
                    if self._retries.is_due(dump.dump_id, time.monotonic()):
                        self._write(connection, dump)
        except (StoreError, psycopg.Error) as error:
            log.warning("cannot read which dumps are due", error=str(error))
            self._retries.failed(DATABASE, time.monotonic())

    def _write(self, connection: psycopg.Connection, dump: WaitingDump) -> None:
        context = {"dump": dump.dump_id, "filename": dump.filename}
        try:
            state = write(connection, dump, self._folder)
        except DumpImpossible as error:
            self._give_up(connection, dump, str(error))
        except OSError as error:
            log.error("cannot write a dump", **context, error=str(error))
            self._try_again(connection, dump, why_not_now(error))
        except MemoryError:
            log.error("cannot write a dump", **context, error="out of memory")
            self._try_again(connection, dump, "the machine has no memory left")
        except StoreError as error:
            log.error("cannot write a dump", **context, error=str(error))
            self._try_again(connection, dump, "the database does not return its entries")
        except Exception:
            # A fault of this program in one dump must neither stop the log and the other dumps, nor go unseen.
            log.exception("cannot write a dump", **context)
            if self._try_again(connection, dump, MISTAKE) >= MISTAKES_MAX:
                self._give_up(connection, dump, MISTAKE)
        else:
            if state is DumpState.WAITING:
                self._retries.failed(dump.dump_id, time.monotonic())
            log.info("finished a dump", **context, state=state)

    def _try_again(self, connection: psycopg.Connection, dump: WaitingDump, failure: str) -> int:
        attempts = self._retries.failed(dump.dump_id, time.monotonic())
        with translated(), connection.transaction():
            dump_store.note_failure(connection, dump, failure)
        return attempts

    def _give_up(self, connection: psycopg.Connection, dump: WaitingDump, failure: str) -> None:
        log.error("gave up on a dump", dump=dump.dump_id, filename=dump.filename, failure=failure)
        with translated(), connection.transaction():
            dump_store.fail(connection, dump, failure)
