"""Limits on request bodies. A body that no view has read is drained, so that the connection can serve the next request.

A server may silently close a connection with an unread body, and the client's next request on it is lost. Flask's
development server does not close it, and its body cannot be drained: it is the socket itself, which has no end.
"""

from flask import Flask, Response, request

TAKEN_MAX = 64 * 1024
"""Maximum bytes of a request body; a larger one is answered with 413."""

DRAINED_MAX = 1024 * 1024
"""Maximum bytes of an unread body that are drained; a client that sends more may lose its connection."""


def limit(app: Flask) -> None:
    """Refuses large bodies with 413, and drains bodies that were not read."""
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
