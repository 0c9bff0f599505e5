"""Writing of one dump: its file is written whole or not at all, and its state is noted with it. No SQL and no XML."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import psycopg

from consumers.audit import dump_store, dump_xml
from consumers.audit.dump_file_path import prepare_path, refusals
from consumers.audit.dump_folder import DumpFolder, Room
from consumers.audit.dump_store import WaitingDump
from database.postgres import translated
from schema.errors import DumpImpossible
from schema.filenames import FILENAME_CHARACTERS_MAX, is_in_a_persons_folder, own_folder
from schema.outcomes import DumpState


def write(connection: psycopg.Connection, dump: WaitingDump, folder: DumpFolder) -> DumpState:
    """Writes the dump's file, notes that it is written, and returns the dump's state.

    REPLACED: the file of a later dump of the same name stays in the place. WAITING: another process is writing this
    dump. Raises DumpImpossible if there can never be a file; StoreError or OSError if there can be none now.
    """
    dump_dir = folder.path
    with translated(), connection.transaction():
        state = dump_store.lock(connection, dump)
        if state is not DumpState.WAITING:
            return state or DumpState.WAITING
        if dump_store.later_is_written(connection, dump):
            return _give_way(connection, dump, dump_dir)
        _check_room(connection, dump, dump_dir)
        target = prepare_path(dump_dir, dump.filename, dump.user)
        room = folder.room(dump, target)
        unfinished = draft_path(dump_dir, dump, dump.dump_id)
        try:
            with refusals():
                _fill(connection, dump, unfinished, room)
            dump_store.lock_name(connection, dump)
            if dump_store.later_is_written(connection, dump):
                return _give_way(connection, dump, dump_dir)
            # A process that paused just before its rename has lost the lock on an earlier dump of this name. Without
            # its draft it cannot put that dump here any more.
            for dump_id in dump_store.earlier_unwritten(connection, dump):
                draft_path(dump_dir, dump, dump_id).unlink(missing_ok=True)
            # Noted before the rename, committed after it: a process that lost the dump's lock fails here, before it.
            dump_store.set_written(connection, dump)
            folder.put(unfinished, target)
            _sync_folder(target.parent)
            _remove_oldest(connection, dump, folder)
        except Exception:
            # On a full disk, an unfinished file would keep other dumps from being written. If this process has lost the
            # lock, the file may be another process's, which then writes it again.
            with contextlib.suppress(OSError):
                unfinished.unlink()
            raise
    return DumpState.WRITTEN


def _check_room(connection: psycopg.Connection, dump: WaitingDump, dump_dir: Path) -> None:
    """Raises DumpImpossible if another dump's file is in the way, or is to be written there."""
    for rival, state in dump_store.in_the_way(connection, dump):
        if state is DumpState.WAITING or (dump_dir / rival).is_file():
            what = (
                "this name is a folder"
                if rival.startswith(f"{dump.filename}/")
                else "its folder has the name of the file"
            )
            name = rival.removeprefix(own_folder(dump.user)) if dump.user else rival  # as the user knows it
            raise DumpImpossible(f"{what} of the dump {name}")


def _remove_oldest(connection: psycopg.Connection, dump: WaitingDump, folder: DumpFolder) -> None:
    """Removes files that exceed the limits of this dump's person.

    If the transaction then fails, the next attempt at this dump notes what is missing.
    """
    if dump.user is None or not is_in_a_persons_folder(dump.filename):
        return
    for stored, reason in folder.superfluous(dump_store.files_in(connection, own_folder(dump.user), dump)):
        folder.remove(stored)
        dump_store.note_removal(connection, stored, reason)


def _fill(connection: psycopg.Connection, dump: WaitingDump, path: Path, room: Room) -> None:
    # A new file: a process that has lost its lock may still be writing to the old one.
    path.unlink(missing_ok=True)
    with path.open("xb") as file:
        for text in _texts(connection, dump):
            part = text.encode()
            room.take(len(part))
            file.write(part)
        file.flush()
        os.fsync(file.fileno())


def _texts(connection: psycopg.Connection, dump: WaitingDump) -> Iterator[str]:
    yield dump_xml.HEAD
    for rows in dump_store.rows(connection, dump):
        yield "".join(map(dump_xml.element, rows))
    yield dump_xml.TAIL


def _give_way(connection: psycopg.Connection, dump: WaitingDump, dump_dir: Path) -> DumpState:
    draft_path(dump_dir, dump, dump.dump_id).unlink(missing_ok=True)
    dump_store.set_replaced(connection, dump)
    return DumpState.REPLACED


def draft_path(dump_dir: Path, dump: WaitingDump, dump_id: str) -> Path:
    """File in which a dump of the same name as this one is prepared. Its own name is too long to be that of a dump."""
    name = f".{dump_id}.unfinished".ljust(FILENAME_CHARACTERS_MAX + 1, "_")
    return (dump_dir / dump.filename).with_name(name)


def _sync_folder(folder: Path) -> None:
    """Makes sure that a rename in this folder survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
