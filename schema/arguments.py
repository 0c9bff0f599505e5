"""From a command's name and its text arguments to a `Command`: the one place that judges arguments (spec §2).

Serves the workload reader, the web pages and the API alike. Never raises for bad arguments: they become a defect.
"""

from schema.commands import Command, CommandName, is_symbol, is_user
from schema.errors import MalformedMoney
from schema.money import parse_cents
from schema.outcomes import Reason

USER, SYMBOL, AMOUNT, FILENAME = "user", "symbol", "amount_cents", "filename"

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
"""The forms each command may have: names of its arguments, in their order."""

assert set(SIGNATURES) == set(CommandName)


def make_command(command_id: bytes, transaction_number: int, name: CommandName, arguments: list[str]) -> Command:
    """The command that these text arguments say; surrounding white space is not part of an argument.

    With a wrong number of arguments, those that stand at their place and are valid are still kept (spec §2: the
    userCommand shows the fields that are valid).
    """
    forms = SIGNATURES[name]
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
        elif field is AMOUNT and value <= 0:
            defect = defect or Reason.AMOUNT_NOT_POSITIVE
        else:
            fields[field] = value
    return Command(command_id, transaction_number, name, defect=defect, **fields)


def is_sound(command: Command) -> bool:
    """Whether a command has a defect, or exactly what its name calls for: what the engine may rely on."""
    return command.defect is not None or _present(command) in _SOUND[command.name]


def is_root_dumplog(command: Command) -> bool:
    """Whether this is a DUMPLOG for all users: it has to reach every partition, as a marker (design §5)."""
    return command.name is CommandName.DUMPLOG and command.defect is None and _present(command) == _BITS[FILENAME]


def _present(command: Command) -> int:
    return (
        (command.user is not None)
        | (command.symbol is not None) << 1
        | (command.amount_cents is not None) << 2
        | (command.filename is not None) << 3
    )


_BITS = {USER: 1, SYMBOL: 2, AMOUNT: 4, FILENAME: 8}
_SOUND = {name: {sum(_BITS[field] for field in form) for form in forms} for name, forms in SIGNATURES.items()}


def _user(text: str) -> str | None:
    return text if is_user(text) else None


def _symbol(text: str) -> str | None:
    # Folding before the check would let in letters whose upper case is ASCII (the dotless i).
    return text.upper() if text.isascii() and is_symbol(text.upper()) else None


def _filename(text: str) -> str | None:
    # A lone surrogate is text to Python, but to no wire, table or file.
    return text if text and not any("\ud800" <= character <= "\udfff" for character in text) else None


_READERS = {USER: _user, SYMBOL: _symbol, AMOUNT: parse_cents, FILENAME: _filename}
