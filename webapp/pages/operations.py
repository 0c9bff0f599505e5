"""Pages for administrators: the state of the system, and the log of all users."""

from flask import render_template, request
from flask.typing import ResponseReturnValue

from webapp import reads
from webapp.accounts import administrator_required
from webapp.bounds import LetterNumber, number_in_bounds
from webapp.pages.fragments import pieces
from webapp.pages.log import suggested_name
from webapp.pages.root import pages


@pages.get("/operations")
@administrator_required
def operations() -> ResponseReturnValue:
    return render_template("operations.html", suggested=suggested_name("everybody"), **pieces("operations", "dumps"))


@pages.get("/operations/dead-letters")
@administrator_required
def dead_letters() -> ResponseReturnValue:
    """Shows a page of dead letters, the oldest first; it does not update itself."""
    after = number_in_bounds(request.args.get("after"), LetterNumber) or 0
    return render_template("dead_letters.html", found=reads.dead_letters(after), after=after)
