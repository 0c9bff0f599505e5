"""Makes a `Command` from a name and text arguments. Arguments are judged nowhere else (spec §2).

The workload reader, the web pages and the API use it. Bad arguments raise nothing: they become the command's defect.
"""

import functools
import operator
import re
from collections.abc import Callable
from typing import cast

from schema.bounds import FILENAME_CHARACTERS_MAX, INT64_MAX
from schema.commands import Command, CommandName, is_symbol, is_user
from schema.errors import MalformedMoney
from schema.money import parse_cents
from schema.outcomes import Reason

USER, SYMBOL, AMOUNT, FILENAME = "user", "symbol", "amount_cents", "filename"
SHARES, ORDER = "shares", "order_seq"

_USER_ONLY = ((USER,),)
_USER_SYMBOL = ((USER, SYMBOL),)
_USER_SYMBOL_AMOUNT = ((USER, SYMBOL, AMOUNT),)

SIGNATURES: dict[CommandName, tuple[tuple[str, ...], ...]] = {
    CommandName.ADD: ((USER, AMOUNT),),
    CommandName.QUOTE: _USER_SYMBOL,
    CommandName.BUY: _USER_SYMBOL_AMOUNT,
    CommandName.COMMIT_BUY: _USER_ONLY,
    CommandName.CANCEL_BUY: _USER_ONLY,
    CommandName.SELL: _USER_SYMBOL_AMOUNT,
    CommandName.COMMIT_SELL: _USER_ONLY,
    CommandName.CANCEL_SELL: _USER_ONLY,
    CommandName.SET_BUY_AMOUNT: _USER_SYMBOL_AMOUNT,
    CommandName.SET_BUY_TRIGGER: _USER_SYMBOL_AMOUNT,
    CommandName.CANCEL_SET_BUY: _USER_SYMBOL,
    CommandName.SET_SELL_AMOUNT: _USER_SYMBOL_AMOUNT,
    CommandName.SET_SELL_TRIGGER: _USER_SYMBOL_AMOUNT,
    CommandName.CANCEL_SET_SELL: _USER_SYMBOL,
    CommandName.DISPLAY_SUMMARY: _USER_ONLY,
    CommandName.DUMPLOG: ((FILENAME,), (USER, FILENAME)),
}
"""The forms that each command may have in a workload file: names of its arguments, in their order (spec §2)."""

assert set(SIGNATURES) == set(CommandName)

BY_SHARES = (USER, SYMBOL, SHARES)
"""The form of a BUY or SELL that names shares instead of an amount (spec §3a)."""

OF_ORDER = (USER, ORDER)
"""The form of a COMMIT or CANCEL that names its order (spec §3a)."""

SITE_SIGNATURES: dict[CommandName, tuple[str, ...]] = {
    CommandName.BUY: BY_SHARES,
    CommandName.SELL: BY_SHARES,
    CommandName.COMMIT_BUY: OF_ORDER,
    CommandName.CANCEL_BUY: OF_ORDER,
    CommandName.COMMIT_SELL: OF_ORDER,
    CommandName.CANCEL_SELL: OF_ORDER,
}
"""Additional form that a command from the site or the API may have. No workload file can express it."""

DEFECTS = frozenset({Reason.BAD_ARGUMENTS, Reason.AMOUNT_NOT_POSITIVE, Reason.BAD_FILE_NAME, Reason.NOT_ADMINISTRATOR})
"""Reasons that can be found while a command is made, before it is published. Only the engine gives the others."""

_WHOLE = re.compile(r"[+]?([0-9]{1,30})")


def make_command(
    command_id: bytes,
    transaction_number: int,
    name: CommandName,
    arguments: list[str],
    form: tuple[str, ...] | None = None,
) -> Command:
    """Makes a command from text arguments. White space around an argument is ignored.

    `form`: names of the arguments; None selects the workload-file form that has this many. If none has, the command
    still keeps each argument that is valid at its place (spec §2: the userCommand shows the valid fields).
    """
    assert form is None or form == SITE_SIGNATURES[name], (name, form)
    forms = SIGNATURES[name] if form is None else (form,)
    form = next((form for form in forms if len(form) == len(arguments)), None)
    defect = None
    if form is None:
        defect = Reason.BAD_ARGUMENTS
        form = forms[-1]
    fields: dict[str, str | int] = {}
    for field, text in zip(form, arguments, strict=False):
        try:
            value = _READERS[field](text.strip())
        except MalformedMoney:
            value = None
        if value is None:
            defect = Reason.BAD_ARGUMENTS
        elif isinstance(value, int) and value <= 0:
            defect = defect or Reason.AMOUNT_NOT_POSITIVE
        elif isinstance(value, str) and field == FILENAME and len(value) > FILENAME_CHARACTERS_MAX:
            defect = defect or Reason.BAD_FILE_NAME
        else:
            fields[field] = value
    return _COMMAND(command_id, transaction_number, name, defect=defect, **fields)


def is_sound(command: Command) -> bool:
    """Whether a command has exactly the fields of one of its forms, or has a defect and no field outside its forms.

    The engine and the constraints of the history rely on this.
    """
    if command.defect is not None:
        return command.defect in DEFECTS and not _present(command) & ~_POSSIBLE[command.name]
    return _present(command) in _SOUND[command.name]


def is_root_dumplog(command: Command) -> bool:
    """Whether this is a DUMPLOG for all users: it has to reach every partition, as a marker."""
    return command.name is CommandName.DUMPLOG and command.defect is None and _present(command) == _BITS[FILENAME]


def _present(command: Command) -> int:
    return (
        (command.user is not None)
        | (command.symbol is not None) << 1
        | (command.amount_cents is not None) << 2
        | (command.filename is not None) << 3
        | (command.shares is not None) << 4
        | (command.order_seq is not None) << 5
    )


_BITS = {USER: 1, SYMBOL: 2, AMOUNT: 4, FILENAME: 8, SHARES: 16, ORDER: 32}
_SOUND = {name: {sum(_BITS[field] for field in form) for form in forms} for name, forms in SIGNATURES.items()}
for _name, _form in SITE_SIGNATURES.items():
    _SOUND[_name].add(sum(_BITS[field] for field in _form))
_POSSIBLE = {name: functools.reduce(operator.or_, forms) for name, forms in _SOUND.items()}


def _user(text: str) -> str | None:
    return text if is_user(text) else None


def _symbol(text: str) -> str | None:
    # A check after `upper` alone would accept letters whose upper case is ASCII (the dotless i).
    return text.upper() if text.isascii() and is_symbol(text.upper()) else None


def _filename(text: str) -> str | None:
    # Python accepts a lone surrogate in a str, but UTF-8 cannot encode it, so no message, table or file can hold it.
    return text if text and not any("\ud800" <= character <= "\udfff" for character in text) else None


def _shares(text: str) -> int | None:
    match = _WHOLE.fullmatch(text)
    return int(match[1]) if match and int(match[1]) <= INT64_MAX else None


def _order(text: str) -> int | None:
    return _shares(text) or None  # history rows are numbered from 1 on


_COMMAND = cast("Callable[..., Command]", Command)
"""The class under a type that accepts fields by name: each reader returns the type of its field."""

_READERS: dict[str, Callable[[str], str | int | None]] = {
    USER: _user,
    SYMBOL: _symbol,
    AMOUNT: parse_cents,
    FILENAME: _filename,
    SHARES: _shares,
    ORDER: _order,
}
