"""Frame of every verb: the exit code of a failure, and the line that says why."""

import functools
import sys
from collections.abc import Callable

import typer

from runtime.entry_point import FAILED, MISUSED
from schema.errors import DayTradeError, SettingsError

Verb = Callable[..., int | None]
"""Function behind a verb. It returns the exit code; None is 0."""

__all__ = ["FAILED", "MISUSED", "a_typer", "verb"]


def a_typer(help_text: str) -> typer.Typer:
    """Makes a group of verbs. Its help is plain text, and a failure prints one line."""
    return typer.Typer(
        help=help_text,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        no_args_is_help=True,
    )


def verb(app: typer.Typer, name: str, failed: int = FAILED, group: str = "") -> Callable[[Verb], Verb]:
    """Returns a decorator that makes a function a verb of `app`; the function returns the exit code, None is 0.

    `failed` is the exit code for a DayTradeError. A wrong or missing setting is always MISUSED.
    `group` is the name of `app` if it is a group of verbs, for messages.
    """

    def register(function: Verb) -> Verb:
        @functools.wraps(function)
        def framed(*arguments: object, **named: object) -> None:
            try:
                code = function(*arguments, **named)
            except DayTradeError as error:
                print(f"{group} {name}: {error}".lstrip(), file=sys.stderr)
                code = MISUSED if isinstance(error, SettingsError) else failed
            raise typer.Exit(code or 0)

        app.command(name)(framed)
        return function

    return register
