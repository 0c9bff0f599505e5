"""Client of the legacy quote server: many TCP requests at once, in its own thread, each with a deadline.

It knows the line protocol and sockets, but nothing of caching, retries, RabbitMQ or Postgres. Any error of a request
becomes its outcome, so every fetch handed over comes back exactly once. It sends nothing unless this process certainly
still owns the quote cache (`LeaseGuard`).
"""

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterable

from quotecache.fetch import Failure, Fetch
from quotecache.lease_guard import LeaseGuard
from quotecache.protocol import LINE_BYTES_MAX, PriceLine, parse_answer, request_line, require_price_within
from schema.errors import QuoteError

CLOSE_SECONDS_MAX = 5.0

Outcome = tuple[Fetch, PriceLine | Failure]
"""A fetch with its answer or its failure."""


class Upstream:
    """Thread that sends fetches and gathers their outcomes.

    It calls `on_outcome` from its own thread when there is something to take; the callback must not block. The caller
    limits the number of open requests: every fetch handed over is sent at once.
    """

    def __init__(
        self,
        address: tuple[str, int],
        timeout_ms: int,
        prices_cents: tuple[int, int],
        on_outcome: Callable[[], None],
        guard: LeaseGuard,
    ):
        self._address = address
        self._prices_cents = prices_cents
        self._guard = guard
        self._timeout_ms = timeout_ms
        self._on_outcome = on_outcome
        self._outcomes: deque[Outcome] = deque()
        self._defect: BaseException | None = None
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="upstream", daemon=True)
        self._thread.start()

    def ask(self, fetches: Iterable[Fetch]) -> None:
        """Sends requests; each comes back through `take`, within its timeout."""
        self._loop.call_soon_threadsafe(self._start, list(fetches))

    def take(self) -> list[Outcome]:
        """Returns the outcomes since the last call. Raises any unexpected exception of the thread."""
        if self._defect is not None:
            raise self._defect
        taken = []
        while self._outcomes:
            taken.append(self._outcomes.popleft())
        return taken

    def close(self) -> None:
        """Drops the connections. Outcomes that were not taken are lost."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join(CLOSE_SECONDS_MAX)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:  # cancels remaining tasks and closes the loop
            runner.run(self._closing.wait())

    def _start(self, fetches: list[Fetch]) -> None:
        for fetch in fetches:
            task = self._loop.create_task(self._attempt(fetch))
            self._tasks.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self._defect = task.exception()
            self._on_outcome()

    async def _attempt(self, fetch: Fetch) -> None:
        exchange = _Exchange(request_line(fetch.symbol, fetch.sender), self._loop.create_future(), self._guard)
        outcome: PriceLine | Failure
        try:
            async with asyncio.timeout(self._timeout_ms / 1_000):
                await self._loop.create_connection(lambda: exchange, *self._address)
                received = await exchange.received
            answer = parse_answer(received, fetch.symbol, fetch.sender)
            outcome = require_price_within(answer, self._prices_cents)
        except TimeoutError:
            reason = f"silence for {self._timeout_ms} ms" if exchange.sent else "not sent: no connection"
            outcome = Failure(reason, paid=exchange.sent)
        except _NotSure:
            outcome = Failure("not sent: the lease was not renewed in time", paid=False)
        except OSError as error:
            reason = f"connection lost: {error}" if exchange.sent else f"not sent: {error}"
            outcome = Failure(reason, paid=exchange.sent)
        except QuoteError as error:
            outcome = Failure(str(error), paid=True)
        finally:
            exchange.abort()
        self._outcomes.append((fetch, outcome))
        # `take` takes all outcomes, so only the first one must wake the caller.
        if len(self._outcomes) == 1:
            self._on_outcome()


class _NotSure(Exception):
    """Refusal to send, as another process may own the quote cache by now."""


class _Exchange(asyncio.Protocol):
    """One request on one connection: sends the line, then reads to a newline, the byte limit, or the end."""

    def __init__(self, request: bytes, received: asyncio.Future[bytes], guard: LeaseGuard):
        self.received = received
        self.sent = False
        self._request = request
        self._guard = guard
        self._gathered = bytearray()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if not self._guard.is_sure():
            self._finish(_NotSure())
            return
        self.sent = True
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._gathered += data
        if b"\n" in data or len(self._gathered) > LINE_BYTES_MAX:
            self._finish(None)

    def connection_lost(self, error: Exception | None) -> None:
        self._finish(error)

    def abort(self) -> None:
        """Closes the socket at once, whatever its state."""
        if self._transport is not None:
            self._transport.abort()

    def _finish(self, error: Exception | None) -> None:
        if self.received.done():
            return
        if error is None:
            self.received.set_result(bytes(self._gathered))
        else:
            self.received.set_exception(error)
