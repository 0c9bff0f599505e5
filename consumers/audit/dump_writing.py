"""The writing of one dump: its file whole or not at all, and that it is written noted with it. No SQL and no XML."""

import contextlib
import os
from pathlib import Path

import psycopg

from consumers.audit import dump_store, dump_xml
from consumers.audit.dump_place import make_place, refusals
from consumers.audit.dump_store import Dump
from database.postgres import translated
from schema.errors import DumpImpossible
from schema.filenames import FILENAME_CHARACTERS_MAX, own_folder
from schema.outcomes import DumpState


def write(connection: psycopg.Connection, dump: Dump, dump_dir: Path) -> DumpState:
    """Writes the dump's file, notes that it is written, and returns what has become of the dump.

    REPLACED: a later dump of the same name keeps its place. WAITING: another process is writing this one. Raises
    DumpImpossible where there can never be a file; StoreError, OSError where there can be none now.
    """
    with translated(), connection.transaction():
        state = dump_store.lock(connection, dump)
        if state is not DumpState.WAITING:
            return state or DumpState.WAITING
        if dump_store.later_is_written(connection, dump):
            return _give_way(connection, dump, dump_dir)
        _check_room(connection, dump, dump_dir)
        target = make_place(dump_dir, dump.filename, dump.user)
        unfinished = draft_path(dump_dir, dump, dump.dump_id)
        try:
            with refusals():
                _fill(connection, dump, unfinished)
            dump_store.lock_name(connection, dump)
            if dump_store.later_is_written(connection, dump):
                return _give_way(connection, dump, dump_dir)
            # Who was about to put an earlier one in this place and lost the lock on it, paused for long, finds nothing
            # to put there any more.
            for dump_id in dump_store.earlier_unwritten(connection, dump):
                draft_path(dump_dir, dump, dump_id).unlink(missing_ok=True)
            # Noted before the rename, committed after it: who lost the lock on the dump fails here and renames nothing.
            dump_store.set_written(connection, dump)
            unfinished.replace(target)
            _sync_folder(target.parent)
        except Exception:
            # A part of a dump on a full disk would keep others from being written. Where the lock was lost it may be
            # another process' part, which that one then writes again.
            with contextlib.suppress(OSError):
                unfinished.unlink()
            raise
    return DumpState.WRITTEN


def _check_room(connection: psycopg.Connection, dump: Dump, dump_dir: Path) -> None:
    """Raises DumpImpossible where another dump has this one's place or is to have it."""
    for rival, state in dump_store.in_the_way(connection, dump):
        if state is DumpState.WAITING or (dump_dir / rival).is_file():
            what = "its name is that of a folder" if rival.startswith(f"{dump.filename}/") else "its folder is the file"
            name = rival.removeprefix(own_folder(dump.user)) if dump.user else rival  # as its person knows it
            raise DumpImpossible(f"{what} of the dump {name}")


def _fill(connection: psycopg.Connection, dump: Dump, path: Path) -> None:
    # A file of its own: a process that lost its lock may still be writing into the one before.
    path.unlink(missing_ok=True)
    with path.open("x", encoding="utf-8", newline="\n") as file:
        file.write(dump_xml.HEAD)
        for rows in dump_store.rows(connection, dump):
            file.write("".join(map(dump_xml.element, rows)))
        file.write(dump_xml.TAIL)
        file.flush()
        os.fsync(file.fileno())


def _give_way(connection: psycopg.Connection, dump: Dump, dump_dir: Path) -> DumpState:
    draft_path(dump_dir, dump, dump.dump_id).unlink(missing_ok=True)
    dump_store.set_replaced(connection, dump)
    return DumpState.REPLACED


def draft_path(dump_dir: Path, dump: Dump, dump_id: str) -> Path:
    """The file in which a dump of this one's name is prepared. Its name is too long to be that of any dump."""
    name = f".{dump_id}.unfinished".ljust(FILENAME_CHARACTERS_MAX + 1, "_")
    return (dump_dir / dump.filename).with_name(name)


def _sync_folder(folder: Path) -> None:
    """Makes a rename in it survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
