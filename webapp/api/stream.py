"""API call that leads to the stream of events, which the live updates serve (`webapp.live`)."""

from typing import Annotated
from urllib.parse import urlencode, urljoin

import msgspec
from flask import Response, request
from msgspec import Meta

from webapp.accounts import Person
from webapp.api.operation import operation
from webapp.bounds import Seq
from webapp.live_address import SYMBOLS_MAX, api_stream_url

Symbols = Annotated[
    str,
    Meta(
        pattern=rf"^[A-Za-z]{{1,3}}(,[A-Za-z]{{1,3}}){{0,{SYMBOLS_MAX - 1}}}$",
        description="Symbols whose prices you want, besides those that you hold, watch or have a trigger order on.",
        examples=["ABC,XYZ"],
    ),
]


class StreamQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Query of the stream. `after`: the id of the last event that you got, to get all that you missed."""

    symbols: Symbols | None = None
    after: Seq | None = None


@operation("GET", "/stream", {200: "text/event-stream", 307: None}, query=StreamQuery)
def stream_events(person: Person, query: StreamQuery) -> Response:
    """Stream events (SSE): outcome, fill, expiry (a history row each, its number the id), price, heartbeat, status."""
    given = {name: value for name, value in msgspec.structs.asdict(query).items() if value is not None}
    address = urljoin(request.host_url, api_stream_url()) + (f"?{urlencode(given)}" if given else "")
    return Response(status=307, headers={"Location": address})
