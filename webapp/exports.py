"""Exports of a history: one at a time for each person, and a few in all, since each holds a thread and a connection."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

from flask import Response

from webapp.limits import TooMany
from webapp.security_events import note
from webapp.site import site

AT_ONCE_MAX = 8
EACH_MAX = 1
RETRY_AFTER_SECONDS = 5
RUNNING = "Another export is running. Wait until it has ended, then try again."


def export(
    user: str, begin: Callable[[], Iterator[str]], media_type: str, headers: dict[str, str] | None = None
) -> Response:
    """Answer that streams the rows of `begin`. Its place is free again when the answer has ended.

    Raises TooMany while another export of this person, or too many of all people, are running; Unavailable.
    """
    with ExitStack() as place:
        if not place.enter_context(site().exports.place_of(user)):
            raise TooMany("exports at once", RUNNING, RETRY_AFTER_SECONDS)
        response = Response(begin(), mimetype=media_type, headers=headers)
        note("history exported", user)
        response.call_on_close(place.pop_all().close)
        return response
