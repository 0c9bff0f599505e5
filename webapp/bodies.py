"""Request bodies that nobody read: they are read to their end, so that the connection stays good for the next request.

gunicorn closes a connection with an unread body without saying so, and the client's next request is lost on it. Flask's
development server does better by itself, and gives us the bare socket, which has no end to read to.
"""

from flask import Flask, Response, request

TAKEN_MAX = 64 * 1024
"""Of one request, the largest that is served."""

DRAINED_MAX = 1024 * 1024
"""Whoever sends more may lose the connection."""


def limit(app: Flask) -> None:
    """Refuses large bodies with 413, and drains what was refused."""
    app.config["MAX_CONTENT_LENGTH"] = TAKEN_MAX
    app.config["MAX_FORM_PARTS"] = 100
    app.after_request(_drain)


def _drain(response: Response) -> Response:
    has_an_end = request.environ.get("wsgi.input_terminated", False)
    if has_an_end and 0 < (request.content_length or 0) <= DRAINED_MAX:
        stream = request.environ["wsgi.input"]
        while stream.read(TAKEN_MAX):
            pass
    return response
