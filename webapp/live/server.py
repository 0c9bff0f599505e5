"""The HTTP of the live updates: who may open a stream, from which pages, and the answers to refused requests."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus
from urllib.parse import urlsplit

import msgspec
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from schema.bounds import INT64_MAX
from schema.commands import is_symbol
from webapp import make_flask
from webapp.addresses import network_of
from webapp.api.problems import MEDIA_TYPE, Problem
from webapp.live.hub import Hub
from webapp.live.monitoring import keep_turning
from webapp.live.stream_registry import Full
from webapp.live_address import API_PATH, PATH, SYMBOLS_MAX
from webapp.security_events import LOGGED_STATUSES, note
from webapp.settings import WebSettings
from webapp.trusted_hosts import REFUSAL, is_trusted
from webapp.unavailable import Unavailable

RETRY_AFTER_SECONDS = 10
DEFAULT_PORTS = {"http": 80, "https": 443}

log = structlog.get_logger()


def create_server(settings: WebSettings) -> tuple[Starlette, Hub]:
    """The application, and the hub, whose `stop` ends the streams when the process is to end."""
    flask = make_flask(settings)
    hub = Hub(settings, flask)
    cookie_name = flask.config["SESSION_COOKIE_NAME"]

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        await hub.start()
        turning = asyncio.create_task(keep_turning())
        yield
        turning.cancel()
        await hub.close()

    async def live(request: Request) -> Response:
        if not is_trusted(_host(request, settings), settings.trusted_hosts):
            return _problem(400, REFUSAL, {})
        headers = _headers(request, settings)
        if headers is None:
            return _problem(403, "only pages of this site may open a stream", {})
        symbols = [text.upper() for text in request.query_params.get("symbols", "").split(",") if text]
        if len(symbols) > SYMBOLS_MAX or not all(map(is_symbol, symbols)):
            return _problem(
                422, f"symbols: at most {SYMBOLS_MAX} symbols of 1 to 3 letters, separated by commas", headers
            )
        text, cookie = _token(request), request.cookies.get(cookie_name)
        after = request.query_params.get("after") or request.headers.get("last-event-id", "")
        if text is not None and after and not (after.isascii() and after.isdigit() and int(after) <= INT64_MAX):
            return _problem(422, "after: the id of an event, a whole number", headers)
        owner = partial(hub.user_of, cookie) if text is None else partial(hub.user_of_token, text)
        try:
            user = await owner()
            if user is None and text is None:
                return _problem(401, "no valid session: log in first", headers)
            if user is None:
                return _problem(401, "no valid token", headers | {"WWW-Authenticate": "Bearer"})
            stream = await hub.open(user, symbols, _network(request, settings))
        except Full as error:
            return _problem(
                429 if error.own else 503,
                "too many pages are open: close one, or try again later",
                headers | {"Retry-After": str(RETRY_AFTER_SECONDS)},
            )
        except Unavailable as error:
            return _problem(503, str(error), headers | {"Retry-After": str(error.retry_after_seconds)})
        events = (
            hub.events(stream, owner)
            if text is None
            else hub.events_of_api(stream, owner, int(after) if after else None)
        )
        return StreamingResponse(events, media_type="text/event-stream", headers=headers)

    async def healthz(_request: Request) -> Response:
        return JSONResponse({"live": hub.registry.live, "streams": hub.registry.count})

    routes = [Route(path, live, methods=["GET"]) for path in (PATH, API_PATH)]
    routes += [Route("/healthz", healthz, methods=["GET"])]
    return Starlette(routes=routes, lifespan=lifespan), hub


def _headers(request: Request, settings: WebSettings) -> dict[str, str] | None:
    """Headers of every answer; None for a page of another site: browsers send the cookie also for
    pages at other ports of this host."""
    headers = {
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
        "X-Content-Type-Options": "nosniff",
        "Vary": "Origin, Cookie",
    }
    origin = request.headers.get("origin")
    if origin is None:
        return headers
    try:
        page, site = urlsplit(origin), urlsplit(f"//{_host(request, settings)}")
        port = page.port or DEFAULT_PORTS.get(page.scheme)
    except ValueError:
        return None
    # Behind a proxy the site's port is the proxy's, which this process does not know.
    if page.hostname != site.hostname or not (settings.proxies or port == settings.port):
        return None
    return headers | {"Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true"}


def _token(request: Request) -> str | None:
    """The API token of a program; "" if its header holds none, or if it has none at the API's own address."""
    scheme, _, text = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return text.strip()
    return "" if request.url.path == API_PATH else None


def _host(request: Request, settings: WebSettings) -> str:
    """Host as the browser addressed it: many proxies replace it in Host, and pass it on in X-Forwarded-Host."""
    forwarded_hosts = [host.strip() for host in request.headers.get("x-forwarded-host", "").split(",")]
    if settings.proxies and len(forwarded_hosts) >= settings.proxies and forwarded_hosts[-settings.proxies]:
        return forwarded_hosts[-settings.proxies]
    return request.headers.get("host", "")


def _network(request: Request, settings: WebSettings) -> str:
    """Network of the client: behind proxies, of the address that the outermost trusted one has told."""
    told = [address.strip() for address in request.headers.get("x-forwarded-for", "").split(",")]
    if settings.proxies and len(told) >= settings.proxies:
        return network_of(told[-settings.proxies])
    return network_of(request.client.host if request.client else None)


def _problem(status: int, detail: str, headers: dict[str, str]) -> Response:
    problem = Problem(HTTPStatus(status).phrase, status, detail)
    if status in LOGGED_STATUSES:
        note(LOGGED_STATUSES[status], status=status, limit="streams" if status == 429 else None)
    return Response(msgspec.json.encode(problem), status, headers, media_type=MEDIA_TYPE)
