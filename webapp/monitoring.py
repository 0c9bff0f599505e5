"""Metrics and readiness of the site, at an address of their own (`runtime.endpoint`).

The site's own port serves no metrics. A proxy on this host connects from 127.0.0.1, as Prometheus does, so the site
could not tell a stranger's request from that of monitoring.
"""

from collections.abc import Mapping

from flask import Flask, Response

from runtime import endpoint
from runtime.metrics import Counter
from runtime.vitals import VITALS
from webapp.health import look_at_database
from webapp.site import EXTENSION, Site

REQUESTS = Counter("daytrade_web_requests", "Requests that the site answered", ["status"])


def watch(app: Flask) -> None:
    """Serves the site's metrics and readiness, if it has an address for them."""
    here: Site = app.extensions[EXTENSION]

    @app.after_request
    def count(response: Response) -> Response:
        REQUESTS.labels(response.status_code).inc()
        return response

    def ready() -> Mapping[str, bool]:
        takes_writes, _ = look_at_database(here)
        state = VITALS.ready()
        return {**state, "broker": state["broker"] and here.gateway.up, "database": takes_writes}

    endpoint.serve(here.settings.base.metrics_address, ready)
