"""Forms that give a command: from the form's fields to the outcome, shown on the page or sent to its script as JSON.

`webapp.pages.intentions` makes sure that a form sent twice takes effect once.
"""

from collections.abc import Mapping
from urllib.parse import parse_qsl, urlencode, urlsplit

from flask import abort, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from schema.arguments import AMOUNT, FILENAME, OF_ORDER, SIGNATURES, SITE_SIGNATURES, SYMBOL, USER
from schema.commands import CommandName
from schema.outcomes import Side
from webapp import commands, reads
from webapp.accounts import logged_in, login_required
from webapp.bounds import HexId, text_in_bounds
from webapp.commands import CommandStatus
from webapp.pages.context import form_token, local_path, tell_on_next_page
from webapp.pages.intentions import changed_trigger_order, submit_once
from webapp.pages.root import pages
from webapp.pages.words import not_newest_message, outcome_message, repeated_message

FORM_FIELDS = {SYMBOL: "symbol", AMOUNT: "amount", FILENAME: "filename"}
"""Form fields of the arguments."""

CLOSINGS = {name for name, form in SITE_SIGNATURES.items() if form == OF_ORDER}
"""Commits and cancels: a form's `order` names the order that its row shows."""

SPENT = {"form_token", "csrf_token", "next"}
"""Form fields in a page's address that are useless once the form was answered."""

FILLED_IN = {"amount", "price"}
"""Fields that are emptied once the command was done, so that the person fills them in anew for the next order."""


@pages.post("/commands/<name>")
@login_required
def submit(name: str) -> ResponseReturnValue:
    """Gives any command, by its name in the spec."""
    if name not in CommandName.__members__:
        abort(404)
    command = CommandName(name)
    texts = {field: _text(form_field) for field, form_field in FORM_FIELDS.items()}
    # No page of the site sends a blank order or version. If one comes, the command must not act on the newest order.
    form = SITE_SIGNATURES[command] if "order" in request.form and command in CLOSINGS else None
    arguments = [_text("order")] if form else [texts[field] for field in SIGNATURES[command][-1] if field is not USER]
    if command is CommandName.DUMPLOG and request.form.get("whole"):
        arguments.append("all")
    version = _text("version") if "version" in request.form else None
    changed = changed_trigger_order(command, _text("symbol"), version, logged_in())
    if changed is not None:
        return tell(changed)
    return outcome_of(command, arguments, form)


@pages.post("/orders")
@login_required
def order() -> ResponseReturnValue:
    """Gives the trade ticket's BUY or SELL."""
    return outcome_of(CommandName(_side().upper()), [_text("symbol"), _text("amount")])


@pages.post("/triggers/amount")
@login_required
def trigger_amount() -> ResponseReturnValue:
    return outcome_of(CommandName(f"SET_{_side().upper()}_AMOUNT"), [_text("symbol"), _text("amount")])


@pages.post("/triggers/price")
@login_required
def trigger_price() -> ResponseReturnValue:
    return outcome_of(CommandName(f"SET_{_side().upper()}_TRIGGER"), [_text("symbol"), _text("price")])


@pages.get("/commands/<command_id>", endpoint="command")
@login_required
def command_page(command_id: str) -> ResponseReturnValue:
    """Outcome of a slow command: polled by the script, and the page to which a form without script redirects."""
    person = logged_in()
    command_id = text_in_bounds(command_id, HexId) or abort(404)
    result = commands.look_up(bytes.fromhex(command_id), person.user_id, person.administrator) or abort(404)
    if wants_json():
        return jsonify(_for_script(result))
    if result.pending:
        return render_template("command.html")
    tell_on_next_page(_outcome(result))
    return redirect(url_for("pages.dashboard"), 303)


def outcome_of(command: CommandName, arguments: list[str], form: tuple[str, ...] | None = None) -> ResponseReturnValue:
    """Gives the command for the logged-in person, at most once per intention, and answers with its outcome."""
    result, repeated = submit_once(command, arguments, form, _text("form_token"), logged_in())
    later = url_for("pages.command", command_id=result.command_id)
    if wants_json():
        answer = _for_script(result) | {"repeated": repeated}
        return tell(answer | {"later": later} if result.pending else answer)
    if result.pending:
        return redirect(later, 303)
    words = _outcome(result)
    return tell(repeated_message(result, words) if repeated else words, done=result.status is CommandStatus.DONE)


def _for_script(result: commands.CommandResult) -> dict[str, object]:
    """The outcome's message, and under `again` the message for when the same form is sent once more."""
    words = _outcome(result)
    return {**words, "again": repeated_message(result, words)}


def _outcome(result: commands.CommandResult) -> dict[str, str]:
    """The outcome's message. If another order is the newest, it says which."""
    if result.newest_order is not None and result.seq is not None:
        user = logged_in().user_id
        row, newest = (reads.history_row(user, seq) for seq in (result.seq, result.newest_order))
        assert row is not None and row.order_seq is not None and newest is not None, "rows of a history stay"
        return not_newest_message(result, row.order_seq, newest)
    return outcome_message(result)


def tell(words: Mapping[str, object], done: bool = False) -> ResponseReturnValue:
    """Answers with a message: as JSON with a new form token for the script, else on the page the form returns to."""
    if wants_json():
        return jsonify({**words, "token": form_token()})
    tell_on_next_page(words)
    return redirect(_back(local_path(_text("next")), done), 303)


def _back(path: str, done: bool) -> str:
    """Address to which a form without script returns: the form there is new, and empty if the command was done."""
    address = urlsplit(path)
    dropped = SPENT | FILLED_IN if done else SPENT
    query = [(name, value) for name, value in parse_qsl(address.query, True) if name not in dropped]
    return address._replace(query=urlencode(query)).geturl()


def wants_json() -> bool:
    return request.accept_mimetypes.best == "application/json"


def _side() -> str:
    side = _text("side")
    return side if side in set(Side) else abort(400)


def _text(field: str) -> str:
    """A field's text in its one canonical spelling, since another spelling would be another intention."""
    text = request.form.get(field, "").strip()
    return text.upper() if field == "symbol" and text.isascii() else text
