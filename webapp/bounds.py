"""Bounds of what stands in addresses: one type for each kind of value, for pages and API alike. Nothing is looked up.

An address may hold any text. Whatever these types let through, the database can look for and a page can show.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from schema.bounds import MILLISECONDS_MAX

EXACT_IN_JSON_MAX = 2**53
"""Largest whole number up to which JavaScript, and so JSON in a browser, knows every one."""

PAGE_MAX = 1_000_000

Page = Annotated[int, Meta(ge=1, le=PAGE_MAX)]
Seq = Annotated[int, Meta(ge=0, le=EXACT_IN_JSON_MAX)]
TimeMs = Annotated[int, Meta(ge=0, le=MILLISECONDS_MAX)]
LetterNumber = Annotated[int, Meta(ge=0, le=EXACT_IN_JSON_MAX)]
TokenNumber = Annotated[int, Meta(ge=1, le=EXACT_IN_JSON_MAX)]
WaitMs = Annotated[int, Meta(ge=0, le=10_000)]

HexId = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
"""Id of a command, which is also that of the dump it asks for."""

SymbolLetters = Annotated[str, Meta(pattern="^[A-Za-z]{1,3}$")]
FigureName = Annotated[
    str, Meta(pattern="^(cash|reserved|realised|(shares|reserved_shares|cost|realised):[A-Z]{1,3})$")
]


def bounded(given: str | dict[str, str], kind: Any) -> Any:
    """The value of type `kind` that a text, or several by their names, mean. Raises msgspec.ValidationError."""
    for text in [given] if isinstance(given, str) else given.values():
        # In Python's patterns `$` also matches before a line end, which would pass unchecked.
        if text.endswith("\n"):
            raise msgspec.ValidationError("Unexpected line end")
    return msgspec.convert(given, kind, strict=False)


def in_bounds(text: str | None, kind: Any, otherwise: Any = None) -> Any:
    """The same, or `otherwise` where there is no text or it means no such value."""
    try:
        return otherwise if text is None else bounded(text, kind)
    except msgspec.ValidationError:
        return otherwise
