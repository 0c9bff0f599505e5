"""Verbs of `daytradectl dead-letters`: list, show, requeue, discard. Options only: dead_letter_screen.py acts."""

from typing import Annotated

import typer

from operators.verb import a_typer, verb

LISTED_DEFAULT, LISTED_MAX = 50, 1_000
"""Number of letters that one list shows. `--after` continues the list."""

GROUP = "dead-letters"

app = a_typer("List undecodable messages, publish or discard them.")

Ids = Annotated[list[str] | None, typer.Option("--id", help="stream/offset, as `list` shows it; may be repeated")]
All = Annotated[bool, typer.Option("--all", help="all letters, instead of --id")]
Limit = Annotated[int | None, typer.Option(min=1, help="maximum number of letters, oldest first")]
Yes = Annotated[bool, typer.Option("--yes", help="do not ask for confirmation")]


@verb(app, "list", group=GROUP)
def list_letters(
    limit: Annotated[int, typer.Option(min=1, max=LISTED_MAX, help="maximum number of letters, oldest first")] = (
        LISTED_DEFAULT
    ),
    after: Annotated[int, typer.Option(min=0, help="only letters after this number")] = 0,
) -> None:
    """List the letters: origin, reason, size, first bytes. Changes nothing."""
    from operators import dead_letter_screen

    dead_letter_screen.show_list(limit, after)


@verb(app, "show", group=GROUP)
def show(
    ids: Annotated[list[str], typer.Option("--id", help="stream/offset, as `list` shows it; may be repeated")],
    whole: Annotated[
        bool, typer.Option("--whole", help="read a message from its stream if only its beginning is kept")
    ] = False,
) -> None:
    """Show letters with their messages. MessagePack is shown as JSON. Changes nothing."""
    from operators import dead_letter_screen

    dead_letter_screen.show(ids, whole)


@verb(app, "requeue", group=GROUP)
def requeue(
    ids: Ids = None,
    everything: All = False,
    limit: Limit = None,
    yes: Yes = False,
    unnamed: Annotated[
        bool, typer.Option("--unnamed", help="also messages from before publishers gave their names")
    ] = False,
) -> int:
    """Publish letters to their original streams, and remove them. A command that was done has no second effect."""
    from operators import dead_letter_screen

    return dead_letter_screen.requeue(dead_letter_screen.Selection(ids, everything, limit, yes), unnamed)


@verb(app, "discard", group=GROUP)
def discard(ids: Ids = None, everything: All = False, limit: Limit = None, yes: Yes = False) -> int:
    """Remove letters without publishing them. They cannot be restored."""
    from operators import dead_letter_screen

    return dead_letter_screen.discard(ids, everything, limit, yes)
