"""Types of the values in addresses, with their bounds, shared by pages and API. Nothing is looked up here.

An address may hold any text. A value that passes these types can be searched for in the database and shown on a page.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

from schema.bounds import MILLISECONDS_MAX

EXACT_IN_JSON_MAX = 2**53
"""Limit up to which JavaScript, and so JSON in a browser, represents every whole number exactly."""

PAGE_MAX = 1_000_000

Page = Annotated[int, Meta(ge=1, le=PAGE_MAX)]
Seq = Annotated[int, Meta(ge=0, le=EXACT_IN_JSON_MAX)]
TimeMs = Annotated[int, Meta(ge=0, le=MILLISECONDS_MAX)]
LetterNumber = Annotated[int, Meta(ge=0, le=EXACT_IN_JSON_MAX)]
TokenNumber = Annotated[int, Meta(ge=1, le=EXACT_IN_JSON_MAX)]
WaitMs = Annotated[int, Meta(ge=0, le=10_000)]

HexId = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
"""Id of a command; a DUMPLOG's id is also that of its dump."""

SymbolLetters = Annotated[str, Meta(pattern="^[A-Za-z]{1,3}$")]
FigureName = Annotated[
    str, Meta(pattern="^(cash|reserved|realised|(shares|reserved_shares|cost|realised):[A-Z]{1,3})$")
]


def bounded(given: str | dict[str, str], kind: object) -> object:
    """Converts a text, or several by their names, to a value of type `kind`. Raises msgspec.ValidationError."""
    for text in [given] if isinstance(given, str) else given.values():
        # `$` in a Python pattern also matches before a final line end, which would slip through.
        if text.endswith("\n"):
            raise msgspec.ValidationError("Unexpected line end")
    return msgspec.convert(given, kind, strict=False)


def number_in_bounds(text: str | None, kind: object) -> int | None:
    """Converts like `bounded`; returns None if there is no text or it is not such a number."""
    found = _in_bounds(text, kind)
    assert found is None or isinstance(found, int), "the kind is that of a number"
    return found


def text_in_bounds(text: str | None, kind: object) -> str | None:
    """Converts like `bounded`; returns None if there is no text or it is not within the bounds."""
    found = _in_bounds(text, kind)
    assert found is None or isinstance(found, str), "the kind is that of a text"
    return found


def _in_bounds(text: str | None, kind: object) -> object:
    try:
        return None if text is None else bounded(text, kind)
    except msgspec.ValidationError:
        return None
