"""HTTP endpoint of a process for monitoring: `/metrics`, `/healthz` and `/readyz`, served by a thread.

It listens at an address of its own (METRICS_HOST, METRICS_PORT), which no proxy passes on, and needs no login: whoever
can connect may read it. It reveals figures, and nothing about any person.
"""

import json
import threading
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server
from wsgiref.types import StartResponse, WSGIEnvironment

import structlog

from runtime.metrics import make_wsgi_app
from runtime.vitals import VITALS

REQUEST_SECONDS_MAX = 5
"""Longest silence of a client in the middle of a request."""

Ready = Callable[[], Mapping[str, bool]]
"""Conditions of being ready, by name. The endpoint's threads call it."""

log = structlog.get_logger()


class _EndpointServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _EndpointHandler(WSGIRequestHandler):
    timeout = REQUEST_SECONDS_MAX

    def log_message(self, format: str, *args: object) -> None:
        """Logs nothing: monitoring asks every few seconds."""


def serve(address: tuple[str, int] | None, ready: Ready = VITALS.ready) -> None:
    """Serves the endpoint until the process ends; does nothing without an address.

    A process works on without its endpoint if the port is taken: monitoring sees that, and trading goes on.
    """
    if address is None:
        return
    try:
        server = make_server(*address, _Routes(ready), server_class=_EndpointServer, handler_class=_EndpointHandler)
    except OSError as error:
        log.error("no metrics: another program has the port; set METRICS_PORT", address=address, error=str(error))
        return
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()


class _Routes:
    """The endpoint as a WSGI application."""

    def __init__(self, ready: Ready):
        self._ready = ready
        self._metrics = make_wsgi_app()

    def __call__(self, request: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = request.get("PATH_INFO")
        if path == "/metrics":
            text: Iterable[bytes] = self._metrics(request, start_response)
            return text
        if path == "/healthz":
            return _answer(start_response, {"loop": VITALS.lives()})
        if path == "/readyz":
            return _answer(start_response, self._ready())
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"/metrics, /healthz and /readyz are here\n"]


def _answer(start_response: StartResponse, state: Mapping[str, bool]) -> Iterable[bytes]:
    status = HTTPStatus.OK if all(state.values()) else HTTPStatus.SERVICE_UNAVAILABLE
    start_response(f"{status.value} {status.phrase}", [("Content-Type", "application/json")])
    return [json.dumps(dict(state)).encode() + b"\n"]
