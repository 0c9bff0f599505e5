"""Symbols as people type them: this module turns lower case into upper case (spec §1). Pure."""

from schema.commands import is_symbol


def symbol_or_none(text: str | None) -> str | None:
    """The symbol that a text means; None if it is not a symbol."""
    text = (text or "").strip()
    # Checked first, because some other letters have an upper case that is ASCII.
    return text.upper() if text.isascii() and is_symbol(text.upper()) else None
