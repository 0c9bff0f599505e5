"""Metrics and readiness of the live updates, at an address of their own, which no proxy passes on."""

import asyncio
from collections.abc import Mapping

from runtime import endpoint
from runtime.metrics import collect_gauges
from runtime.vitals import VITALS
from webapp.live.hub import Hub
from webapp.settings import WebSettings

TURN_SECONDS = 0.5
"""Seconds from one sign of life of the event loop to the next."""

STREAMS = "daytrade_live_streams"


def watch(settings: WebSettings, hub: Hub) -> None:
    """Serves the metrics and readiness, if the process has an address for them."""
    collect_gauges({STREAMS: "Streams of pages and programs that are open"}, lambda: {STREAMS: hub.registry.count})

    def ready() -> Mapping[str, bool]:
        return {**VITALS.ready(), "database": hub.database_answers()}

    endpoint.serve(settings.base.metrics_address, ready)


async def keep_turning() -> None:
    """Notes that the event loop turns, until it is cancelled."""
    while True:
        VITALS.turned()
        await asyncio.sleep(TURN_SECONDS)
