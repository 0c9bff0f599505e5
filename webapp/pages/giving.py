"""Forms that give a command: from its fields to its outcome, told on the page or, to our script, as JSON.

A form carries a one-time token, which is the command's idempotency key: pressed twice, sent twice, it is done once.
"""

from flask import Response, abort, flash, jsonify, redirect, render_template, request, url_for

from schema.arguments import AMOUNT, FILENAME, OF_ORDER, SIGNATURES, SITE_SIGNATURES, SYMBOL, USER
from schema.commands import CommandName
from schema.outcomes import Side
from webapp import commands
from webapp.accounts import current_user, login_required
from webapp.bounds import HexId, in_bounds
from webapp.pages.context import form_token, local_path
from webapp.pages.root import pages
from webapp.pages.words import message, outcome_message

WAIT_MS = 6_000
"""For the outcome: a slow quote takes 4 s. What takes longer is pending, and told when it comes."""

TOKEN_CHARACTERS_MAX = 100
FORM_FIELDS = {SYMBOL: "symbol", AMOUNT: "amount", FILENAME: "filename"}
"""Name of an argument's field in forms."""

CLOSINGS = {name for name, form in SITE_SIGNATURES.items() if form == OF_ORDER}
"""Commits and cancels: a form's `order` names the order that its row shows."""


@pages.post("/commands/<name>")
@login_required
def give(name: str):
    """Any command, by its name in the contract."""
    if name not in CommandName.__members__:
        abort(404)
    command = CommandName(name)
    texts = {field: request.form.get(form_field, "") for field, form_field in FORM_FIELDS.items()}
    order = _text("order")
    form = SITE_SIGNATURES[command] if order and command in CLOSINGS else None
    arguments = [texts[field] for field in SIGNATURES[command][-1] if field is not USER] if form is None else [order]
    if command is CommandName.DUMPLOG and request.form.get("whole"):
        arguments.append("all")
    return outcome_of(command, arguments, form)


@pages.post("/orders")
@login_required
def order():
    """The trade ticket: a BUY or a SELL."""
    return outcome_of(CommandName(_side().upper()), [_text("symbol"), _text("amount")])


@pages.post("/triggers/amount")
@login_required
def trigger_amount():
    return outcome_of(CommandName(f"SET_{_side().upper()}_AMOUNT"), [_text("symbol"), _text("amount")])


@pages.post("/triggers/price")
@login_required
def trigger_price():
    return outcome_of(CommandName(f"SET_{_side().upper()}_TRIGGER"), [_text("symbol"), _text("price")])


@pages.get("/commands/<command_id>", endpoint="command")
@login_required
def command_page(command_id: str):
    """What became of a command whose outcome took long: for the script, and where a form without script leads."""
    person = current_user()
    command_id = in_bounds(command_id, HexId) or abort(404)
    result = commands.look_up(bytes.fromhex(command_id), person.user_id, person.administrator) or abort(404)
    if wants_json():
        return jsonify(outcome_message(result))
    if result.pending:
        return render_template("command.html")
    flash(outcome_message(result))
    return redirect(url_for("pages.dashboard"), 303)


def outcome_of(command: CommandName, arguments: list[str], form: tuple[str, ...] | None = None) -> Response:
    """Gives the command for the person of the session and tells what became of it."""
    person = current_user()
    key = _text("form_token")[:TOKEN_CHARACTERS_MAX] or None
    try:
        result = commands.run(command, arguments, person.user_id, WAIT_MS, key, person.administrator, form)
    except commands.KeyReused:
        return tell(message("error", "Not sent", "This form had been sent before, with other content. Send it again."))
    if not result.pending:
        return tell(outcome_message(result))
    later = url_for("pages.command", command_id=result.command_id)
    return tell(outcome_message(result) | {"later": later}) if wants_json() else redirect(later, 303)


def tell(words: dict[str, str]) -> Response:
    """A message: as JSON to our script, with a fresh token for the form; else on the page one came from."""
    if wants_json():
        return jsonify(words | {"token": form_token()})
    flash(words)
    return redirect(local_path(_text("next")), 303)


def wants_json() -> bool:
    return request.accept_mimetypes.best == "application/json"


def _side() -> str:
    side = _text("side")
    return side if side in set(Side) else abort(400)


def _text(field: str) -> str:
    return request.form.get(field, "")
