"""Symbols as people type them: lower case is folded here, at the edge (spec §1). Pure."""

from schema.commands import is_symbol


def symbol_or_none(text: str | None) -> str | None:
    """The symbol that a text means; None where it is none."""
    text = (text or "").strip()
    # Folding first would let in letters whose upper case is ASCII.
    return text.upper() if text.isascii() and is_symbol(text.upper()) else None
