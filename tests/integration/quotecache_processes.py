"""Processes for the tests of the quote cache: itself, a faulty quote server, and a client. All use real TCP."""

import contextlib
import os
import signal
import socket
import socketserver
import struct
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg

from bench import processes
from quotecache.client import Prices
from rabbitmq.connection import open_connection
from rabbitmq.publisher import Outgoing, Publisher
from rabbitmq.rights import url_for
from rabbitmq.roles import BrokerRole
from rabbitmq.topology import PRICE_REQUESTS_EXCHANGE
from schema.codec import encode
from schema.commands import VERSION
from schema.events import NoQuote, PriceRequest, Quote

ROOT = Path(__file__).parents[2]
EXIT_SECONDS_MAX = 15

SILENCE, RESET = object(), object()
"""Answers of a FaultyServer that are not bytes."""


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def ended(process: subprocess.Popen, number: int = signal.SIGTERM) -> int:
    """Ends one process by a signal. Returns its exit code."""
    if process.poll() is None:
        process.send_signal(number)
    return process.wait(EXIT_SECONDS_MAX)


@contextlib.contextmanager
def running(module: str, environment: dict[str, str]) -> Iterator[subprocess.Popen]:
    """Runs a process, and kills it at the end of the block if it still runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", module], cwd=ROOT, env=processes.with_rights(module, os.environ | environment)
    )
    try:
        yield process
    finally:
        ended(process, signal.SIGKILL)


class PriceClient:
    """Client of the quote cache, as workers use it; the test turns its loop."""

    def __init__(self, amqp_url: str):
        self.connection = open_connection(url_for(BrokerRole.TRANSACTIONS, amqp_url), "asker")
        self.publisher = Publisher(self.connection)
        self.prices = Prices(self.connection, self.publisher)
        self.answers: list[Quote | NoQuote] = []

    def ask(self, *symbols: str, user: str = "jane") -> None:
        for symbol in symbols:
            self.prices.request(symbol, user, 7, now_ms())

    def ask_raw(self, symbol: str, user: str) -> None:
        """Sends a request that the client would not send, because the same request is outstanding."""
        self.publisher.publish(Outgoing(PRICE_REQUESTS_EXCHANGE, "", encode(PriceRequest(VERSION, symbol, user, 7))))

    def turn(self) -> None:
        self.connection.pump(0.01)
        self.prices.tick(now_ms())
        self.answers += self.prices.take_answers()

    def answer(self, symbol: str) -> Quote | NoQuote | None:
        """Returns the newest answer for a symbol, after a turn of the loop."""
        self.turn()
        return next((answer for answer in reversed(self.answers) if answer.symbol == symbol), None)

    def have(self, *symbols: str) -> bool:
        self.turn()
        return set(symbols) <= {answer.symbol for answer in self.answers}


def hits(address: tuple[str, int], of: str = "total") -> int:
    """Returns the simulator's own count of requests."""
    with socket.create_connection(address, 5) as connection, connection.makefile("rw") as file:
        file.write(f"!hits,{of}\n")
        file.flush()
        return int(file.readline())


def listening(address: tuple[str, int]) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(address, 1):
        return True
    return False


def rows(database_url: str, query: str) -> list[tuple]:
    with psycopg.connect(database_url, autocommit=True) as connection:
        return connection.execute(query).fetchall()


class FaultyServer(socketserver.ThreadingTCPServer):
    """Quote server that answers by script: `script(symbol, user, n)` gives the n-th answer for a symbol."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 1_000

    def __init__(self, script: Callable[[str, str, int], object]):
        self.script = script
        self.hits: Counter[str] = Counter()
        self.lock = threading.Lock()
        self.closing = threading.Event()
        super().__init__(("127.0.0.1", 0), _Handler)

    def __enter__(self):
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        self.shutdown()
        self.server_close()

    @property
    def setting(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class _Handler(socketserver.StreamRequestHandler):
    server: FaultyServer

    def handle(self) -> None:
        symbol, _, user = self.rfile.readline().decode().strip().partition(",")
        if not symbol:
            return  # connected and sent nothing
        with self.server.lock:
            self.server.hits[symbol] += 1
            number = self.server.hits[symbol]
        answer = self.server.script(symbol, user, number)
        if answer is SILENCE:
            self.server.closing.wait(60)
        elif answer is RESET:
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.request.close()
        else:
            with contextlib.suppress(OSError):
                self.wfile.write(answer)

    def finish(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            super().finish()
