"""The page of a person's own log of record: requests for it, and downloads of the files."""

from datetime import UTC, datetime

from flask import abort, render_template
from flask.typing import ResponseReturnValue

from webapp import downloads
from webapp.accounts import logged_in, login_required
from webapp.bounds import HexId, text_in_bounds
from webapp.pages.fragments import pieces
from webapp.pages.root import pages


@pages.get("/log")
@login_required
def log() -> ResponseReturnValue:
    return render_template("log.html", suggested=suggested_name("log"), **pieces("dumps"))


@pages.get("/log/<dump_id>")
@login_required
def download(dump_id: str) -> ResponseReturnValue:
    """Downloads a written file; 404 if there is none that the person may have."""
    return downloads.send(logged_in(), text_in_bounds(dump_id, HexId) or abort(404)) or abort(404)


def suggested_name(what: str) -> str:
    """A file name for a new dump, unique to the second."""
    return f"{what}-{datetime.now(UTC):%Y%m%d-%H%M%S}.xml"
