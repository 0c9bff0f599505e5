"""For administrators: how the system is doing, and the log of everybody."""

from flask import render_template

from webapp import reads
from webapp.accounts import administrator_required
from webapp.pages.fragments import pieces
from webapp.pages.log import suggested_name
from webapp.pages.root import pages


@pages.get("/operations")
@administrator_required
def operations():
    return render_template("operations.html", suggested=suggested_name("everybody"), **pieces("operations", "dumps"))


@pages.get("/operations/dead-letters")
@administrator_required
def dead_letters():
    """Looked up when the page is opened: each look takes the letters out of their queue and puts them back."""
    return render_template("dead_letters.html", found=reads.dead_letters())
