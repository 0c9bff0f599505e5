"""The thread that writes dump files: once each, whole or not at all, again after a crash. No SQL and no XML here.

It needs no ownership: a dump's content is fixed by its markers, and its row is locked while it is written. What it
cannot write it keeps trying, while the log goes on.
"""

import contextvars
import os
import random
import threading
from pathlib import Path

import psycopg
import structlog

from consumers.audit import dump_store, dump_xml
from consumers.audit.dump_store import Dump
from schema.database import translated
from schema.errors import StoreError
from schema.filenames import dump_path
from schema.settings import Settings

RETRY_SECONDS_FIRST, RETRY_SECONDS_MAX = 0.5, 30.0

STOP_SECONDS_MAX = 5.0
"""How long a stopping process goes on writing; what is left then is written at the next start."""

CLASHES = (FileExistsError, NotADirectoryError, IsADirectoryError)
"""`a` and `a/b` cannot both be files, whoever of the two asked first."""

log = structlog.get_logger()


class Dumper:
    """Writes whatever is complete when woken."""

    def __init__(self, settings: Settings):
        self._settings = settings
        self._wake = threading.Event()
        self._stopping = False
        # A daemon: a dump that takes longer than the patience of `stop` must not keep the process alive.
        in_context = contextvars.copy_context().run
        self._thread = threading.Thread(target=in_context, args=(self._run,), name="dumper", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """There may be dumps to write."""
        self._wake.set()

    def stop(self) -> None:
        """Returns when all that is complete is written, cannot be, or takes too long."""
        self._stopping = True
        self._wake.set()
        self._thread.join(STOP_SECONDS_MAX)

    def _run(self) -> None:
        pause = RETRY_SECONDS_FIRST
        again = False
        while True:
            self._wake.wait(pause * random.uniform(0.5, 1.0) if again else None)
            self._wake.clear()
            again = not self._write_all()
            pause = min(pause * 2, RETRY_SECONDS_MAX) if again else RETRY_SECONDS_FIRST
            if self._stopping:
                return

    def _write_all(self) -> bool:
        """Whether nothing is left to write."""
        done = True
        try:
            with dump_store.connect(self._settings.database_url, f"dumper {self._settings.replica}") as connection:
                for dump in dump_store.unwritten(connection):
                    done = self._write_logged(connection, dump) and done
        except (StoreError, psycopg.Error) as error:
            log.warning("cannot ask for dumps", error=str(error))
            return False
        return done

    def _write_logged(self, connection: psycopg.Connection, dump: Dump) -> bool:
        try:
            wrote = write(connection, dump, self._settings.dump_dir)
        except CLASHES as error:
            # No later attempt can end better, and each would write the whole dump first.
            log.error("a dump's name clashes with another", dump=dump.dump_id, filename=dump.filename)
            with translated(), connection.transaction():
                dump_store.fail(connection, dump, f"{type(error).__name__}: {dump.filename}")
            return True
        except (OSError, StoreError) as error:
            log.error("cannot write a dump", dump=dump.dump_id, filename=dump.filename, error=str(error))
            return False
        except Exception:
            # A mistake of ours in one dump may neither stop the log and the other dumps, nor go unseen.
            log.exception("cannot write a dump", dump=dump.dump_id, filename=dump.filename)
            return False
        log.info("wrote a dump" if wrote else "no file for a dump", dump=dump.dump_id, filename=dump.filename)
        return True


def write(connection: psycopg.Connection, dump: Dump, dump_dir: Path) -> bool:
    """Writes the dump's file and notes that it is written; false where nothing is to be written any more. Raises
    StoreError, OSError.

    A later dump of the same name keeps its place: this one is then noted as having no file of its own.
    """
    if dump_path(dump.filename, dump.user) != dump.filename:
        raise PermissionError(f"{dump.filename!r} leaves the dump folder")
    target = dump_dir / dump.filename
    unfinished = _unfinished(target, dump.dump_id)
    with translated(), connection.transaction():
        if not dump_store.lock(connection, dump):
            return False
        if dump_store.later_is_written(connection, dump):
            _give_way(connection, dump, unfinished)
            return False
        _make_folder(dump_dir)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.is_dir():
            raise IsADirectoryError(target)
        _fill(connection, dump, unfinished)
        dump_store.lock_name(connection, dump)
        if dump_store.later_is_written(connection, dump):
            _give_way(connection, dump, unfinished)
            return False
        # Who was about to put an earlier one in this place and lost the lock on it, paused for long, finds nothing to
        # put there any more.
        for dump_id in dump_store.earlier_unwritten(connection, dump):
            _unfinished(target, dump_id).unlink(missing_ok=True)
        # Noted before the rename, committed after it: who lost the lock on the dump fails here and renames nothing.
        dump_store.set_written(connection, dump)
        unfinished.replace(target)
        _sync_folder(target.parent)
    return True


def _fill(connection: psycopg.Connection, dump: Dump, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(dump_xml.HEAD)
        for rows in dump_store.rows(connection, dump):
            file.write("".join(map(dump_xml.element, rows)))
        file.write(dump_xml.TAIL)
        file.flush()
        os.fsync(file.fileno())


def _give_way(connection: psycopg.Connection, dump: Dump, unfinished: Path) -> None:
    unfinished.unlink(missing_ok=True)
    dump_store.set_replaced(connection, dump)


def _unfinished(target: Path, dump_id: str) -> Path:
    return target.with_name(f".{dump_id}.unfinished")


def _make_folder(dump_dir: Path) -> None:
    try:
        dump_dir.mkdir(parents=True, exist_ok=True)
    except CLASHES as error:  # not the dump's fault: somebody can mend this
        raise PermissionError(f"the dump folder {dump_dir} is a file") from error


def _sync_folder(folder: Path) -> None:
    """Makes a rename in it survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
