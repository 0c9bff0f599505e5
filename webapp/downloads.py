"""Downloads of dump files for people who may have them, from the folder shared with the audit worker."""

import os
from pathlib import Path

import msgspec
from flask import Response, send_file

from schema.filenames import dump_path, own_folder
from schema.outcomes import DumpState
from webapp import reads
from webapp.accounts import Person
from webapp.security_events import note
from webapp.site import site


class DumpFile(reads.DumpView, frozen=True):
    """A dump, and whether its file is there to be downloaded by the person who looks.

    A person may download only the files in their own folder. Dumps that a workload file requested are not in it.
    """

    own: bool
    downloadable: bool


def listed(person: Person) -> list[DumpFile]:
    """The dumps that this person may know of, the newest first."""
    return [
        DumpFile(*(*msgspec.structs.astuple(dump), _is_own(person, dump), _file(person, dump) is not None))
        for dump in reads.dumps(person.user_id, person.administrator)
    ]


def send(person: Person, dump_id: str) -> Response | None:
    """The file of a dump as a download; None if there is no file that this person may have."""
    dump = reads.dump(person.user_id, dump_id, person.administrator)
    file = _file(person, dump) if dump is not None else None
    if file is None:
        return None
    note("dump downloaded", person.user_id, dump=dump_id)
    return send_file(file, mimetype="application/xml", as_attachment=True, download_name=file.name)


def _file(person: Person, dump: reads.DumpView) -> Path | None:
    """Path of the dump's file; None if there is no file that this person may have."""
    if dump.state is not DumpState.WRITTEN or not _is_own(person, dump):
        return None
    if dump_path(dump.filename, None if dump.whole else person.user_id) != dump.filename:
        return None
    folder = site().settings.base.dump_dir.resolve()
    file = folder / dump.filename
    try:
        # A link in the dump folder may lead out of it; no dump is written through one.
        there = file.is_file() and file.resolve() == file and os.access(file, os.R_OK)
    except OSError:  # the dump folder cannot be read
        return None
    return file if there else None


def _is_own(person: Person, dump: reads.DumpView) -> bool:
    # Another user's dump may have replaced one that a workload file asked for.
    return dump.whole or dump.filename.startswith(own_folder(person.user_id))
