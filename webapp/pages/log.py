"""One's own log of record: asking for it, and downloading what was written."""

from datetime import UTC, datetime

from flask import render_template

from webapp.accounts import login_required
from webapp.pages.fragments import pieces
from webapp.pages.root import pages


@pages.get("/log")
@login_required
def log():
    return render_template("log.html", suggested=suggested_name("log"), **pieces("dumps"))


def suggested_name(what: str) -> str:
    """A file name that was surely not used before."""
    return f"{what}-{datetime.now(UTC):%Y%m%d-%H%M%S}.xml"
