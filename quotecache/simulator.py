"""Stand-in for the legacy quote server (`python -m quotecache.simulator`): real TCP, its protocol, delays and prices.

It knows nothing about its clients and keeps its own count of requests: `!hits,total` or `!hits,SYM` returns the
number of requests that it answered or began to answer. market.py draws prices and delays.
"""

import asyncio
import os
import signal
import sys
import time

import structlog

from quotecache.market import Market
from quotecache.sockets import allow_sockets
from runtime import entry_point
from runtime.log_setup import set_up_logging
from schema.commands import is_symbol, is_user
from schema.errors import SettingsError
from schema.money import format_cents
from schema.settings import Settings, from_environment

BACKLOG = 4_096
"""Maximum connections waiting to be accepted: Linux's default limit, as a thousand clients may connect at once."""

SOCKETS_MAX = 12_000
"""Maximum sockets: more than this project's client opens (QUOTE_CONNECTIONS is at most 10,000)."""

SKEW_MS = 254_000
"""Clock skew seen on the real server, in ms. Code that expires quotes by the server's time fails visibly with it."""

REQUEST_BYTES_MAX = 128
SILENCE_SECONDS_MAX = 30.0
"""Seconds without a complete request after which the simulator closes a connection."""

log = structlog.get_logger()

ABOUT = """
Usage: python -m quotecache.simulator

Answers like the legacy quote server, at QUOTE_SERVER, until SIGTERM.

Settings are environment variables. AMQP_URL and DATABASE_URL are required: `export $(make env)` sets them.
schema/settings.py lists all.
"""


class QuoteServer:
    """Answers request lines and counts them. With `instant` it answers without the measured delays."""

    def __init__(self, seed: int, instant: bool):
        self.market = Market(seed)
        self.hits = 0
        self._instant = instant

    def answer(self, request: str) -> tuple[float, str] | None:
        """Returns the delay in seconds and the answer line; None if the legacy server would not answer the request."""
        first, comma, second = request.strip().partition(",")
        if first == "!hits" and comma:
            return 0.0, f"{self.hits if second == 'total' else self.market.hits.get(second, 0)}\n"
        if not is_symbol(first) or not is_user(second):
            return None
        self.hits += 1
        draw = self.market.hit(first)
        delay = 0.0 if self._instant else draw.delay_seconds
        timestamp_ms = int((time.time() + delay) * 1_000) + SKEW_MS
        return delay, f"{format_cents(draw.price_cents)},{first},{second},{timestamp_ms},{draw.cryptokey}\n"


class _Client(asyncio.Protocol):
    """One connection: reads one request, sends one line, closes."""

    _transport: asyncio.Transport
    _later: asyncio.TimerHandle

    def __init__(self, server: QuoteServer):
        self._server = server
        self._gathered = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._later = asyncio.get_running_loop().call_later(SILENCE_SECONDS_MAX, transport.abort)

    def data_received(self, data: bytes) -> None:
        if self._gathered.endswith(b"\n"):
            return  # the request is complete; the legacy server reads one line only
        self._gathered += data
        if len(self._gathered) > REQUEST_BYTES_MAX:
            self._transport.abort()
        elif self._gathered.endswith(b"\n"):
            self._later.cancel()
            answer = self._server.answer(self._gathered.decode("ascii", "replace"))
            if answer is None:
                self._transport.close()
            elif answer[0] > 0:
                self._later = asyncio.get_running_loop().call_later(answer[0], self._send, answer[1])
            else:
                self._send(answer[1])

    def connection_lost(self, error: Exception | None) -> None:
        self._later.cancel()

    def _send(self, line: str) -> None:
        self._transport.write(line.encode("ascii"))
        self._transport.close()


async def serve(settings: Settings) -> QuoteServer:
    """Answers until SIGTERM or SIGINT, then drops the connections that are open. Raises OSError."""
    loop = asyncio.get_running_loop()
    quotes = QuoteServer(settings.quote_seed, instant=settings.quotes == "instant")
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    listener = await loop.create_server(lambda: _Client(quotes), *settings.quote_server, backlog=BACKLOG)
    host, port = settings.quote_server
    log.info("listens", host=host, port=port, quotes=settings.quotes, seed=settings.quote_seed)
    await stop.wait()
    listener.close()
    return quotes


def main() -> int:
    try:
        settings = from_environment(os.environ)
        set_up_logging(settings.log_level, "quote-server")
        allow_sockets(SOCKETS_MAX)
        quotes = asyncio.run(serve(settings))
    except (SettingsError, OSError) as error:
        print(f"quote-server: {error}", file=sys.stderr)
        return 2
    log.info("stopped", hits=quotes.hits, cost_cents=quotes.hits * settings.quote_cost_cents)
    return 0


if __name__ == "__main__":
    entry_point.run_process("quote server", main, ABOUT)
