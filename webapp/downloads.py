"""Files of dumps, for those who may have them, from the dump folder that this process shares with the audit worker."""

from flask import Response, send_file

from schema.filenames import dump_path, own_folder
from webapp import reads
from webapp.accounts import Person
from webapp.site import site


def send(person: Person, dump_id: str) -> Response | None:
    """The file of a dump as a download; None where there is none for this person, or it is not written yet."""
    dump = reads.dump(person.user_id, dump_id, person.administrator)
    if dump is None or dump.written_at_ms is None:
        return None
    if dump_path(dump.filename, None if dump.whole else person.user_id) != dump.filename:
        return None
    # One that came from a workload file lies among all others': under its name there may be the whole log by now.
    if not dump.whole and not dump.filename.startswith(own_folder(person.user_id)):
        return None
    file = (site().settings.base.dump_dir / dump.filename).resolve()
    if not file.is_file():
        return None
    return send_file(file, mimetype="application/xml", as_attachment=True, download_name=file.name)
