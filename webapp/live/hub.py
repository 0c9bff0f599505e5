"""Feeds the open streams with news from the broker and rows from the database. Runs on the event loop; no HTTP."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from typing import TypeVar

import structlog
from flask import Flask

from runtime.wall_clock import now_ms
from webapp import sessions
from webapp.live import lookups
from webapp.live.broker_listener import BrokerListener
from webapp.live.stream import Stream, event
from webapp.live.stream_registry import StreamRegistry
from webapp.settings import WebSettings
from webapp.store import Store
from webapp.unavailable import Unavailable

DATABASE_THREADS = 4

GATHER_SECONDS = 0.02
"""Pause before a look-up, so that one look-up covers all accounts whose changes were announced together."""

RETRY_SECONDS = 1.0
HEARTBEAT_SECONDS = 10.0
"""Interval of heartbeats; a page that hears nothing for a few of them takes its connection for broken."""

SESSION_CHECK_SECONDS = 60.0
"""Interval of session checks: a stream goes on at most this long after its session ended."""

RECONNECT_MS = 2_000
RECONNECT = f"retry: {RECONNECT_MS}\n\n".encode()

EVENTS_OF_ROWS = {"command": "outcome", "fill": "fill", "expiry": "expiry"}
"""Names of a program's events, by the kind of the history row."""

log = structlog.get_logger()

Found = TypeVar("Found")


class Hub:
    """Source of all streams. Call `start`, `close` and the rest on one event loop."""

    def __init__(self, settings: WebSettings, flask: Flask):
        self.registry = StreamRegistry(settings.streams_max, settings.streams_each_max, settings.streams_network_max)
        self._flask = flask
        self._store = Store(settings.base.database_url, DATABASE_THREADS)
        self._threads = ThreadPoolExecutor(DATABASE_THREADS, "lookup")
        self._began_ms = now_ms()
        self._events_sent = 0
        self._stale = asyncio.Event()
        self._stopping = False
        self._listener = BrokerListener(
            settings.base.amqp_url,
            f"live {settings.base.replica}",
            on_quotes=self._on_loop(self.registry.hear_quotes),
            on_changed=self._on_loop(self.registry.hear_changed),
            on_bound=self._on_loop(self.registry.hear_bound),
            on_status=self._on_loop(self.registry.hear_status),
        )

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener.start()
        self._lookups = asyncio.create_task(self._look_up())

    def stop(self) -> None:
        """Ends all streams."""
        self._stopping = True
        self.registry.end()

    async def close(self) -> None:
        self.stop()
        self._lookups.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._lookups
        await asyncio.to_thread(self._listener.close)
        self._threads.shutdown()
        self._store.close()

    def database_answers(self) -> bool:
        """Whether the database answers. Safe for any thread."""
        try:
            self._store.only("SELECT 1")
        except Unavailable:
            return False
        return True

    async def user_of(self, cookie: str | None) -> str | None:
        """The user whose session a cookie carries; None without a valid one. Raises Unavailable."""
        session_id = sessions.id_in_cookie(self._flask, cookie)
        return await self._in_thread(lookups.user_of, session_id) if session_id else None

    async def user_of_token(self, text: str) -> str | None:
        """The user whose API token this is; None if it is not valid. Raises Unavailable."""
        return await self._in_thread(lookups.user_of_token, text)

    async def open(self, user: str, named: Iterable[str], network: str) -> Stream:
        """Opens a stream that begins with the current state of the account, the user's own symbols and those named.

        The user's own symbols are looked up only here: a page that begins to show another symbol opens a new
        stream.
        Raises Full, Unavailable.
        """
        own = await self._in_thread(lookups.own_symbols, user)
        stream = Stream(user, {*own, *named}, network)
        self.registry.open(stream)
        self._listener.want(self.registry.partitions)
        self._stale.set()
        try:
            unknown = self.registry.unknown(stream.symbols)
            if unknown:
                self.registry.hear_quotes(await self._in_thread(lookups.latest_quotes, unknown))
        except BaseException:
            self.shut(stream)
            raise
        return stream

    def shut(self, stream: Stream) -> None:
        self.registry.close(stream)
        self._listener.want(self.registry.partitions)

    async def events(self, stream: Stream, owner: Callable[[], Awaitable[str | None]]) -> AsyncIterator[bytes]:
        """Bytes of a page's events, until it closes, its session ends, or this process does.

        `owner` finds the user whose stream it still is; None once the session has ended.
        """
        async with aclosing(self._news(stream, owner)) as news:
            yield RECONNECT
            async for events in news:
                yield b"".join(event(name, data, self._next_id()) for name, data in events)

    async def events_of_api(
        self, stream: Stream, owner: Callable[[], Awaitable[str | None]], after: int | None
    ) -> AsyncIterator[bytes]:
        """Bytes of a program's events: every history row after `after`, or after the newest now, and prices.

        The id of an event is the number of the newest row that the program has got, from which it can resume. The
        stream ends when the database does not answer; the program then resumes.
        """
        async with aclosing(self._news(stream, owner)) as news:
            with contextlib.suppress(Unavailable):
                ((_, newest),) = await self._in_thread(lookups.newest_seqs, [stream.user])
                seq = newest if after is None else min(after, newest)
                yield RECONNECT + event("account", {"seq": seq}, seq)
                async for events in news:
                    yield b"".join(event(name, data) for name, data in events if name != "account")
                    while stream.told_seq > seq:
                        rows = await self._in_thread(lookups.rows_after, stream.user, seq)
                        yield b"".join(event(EVENTS_OF_ROWS[row.kind], row, row.seq) for row in rows)
                        seq = rows[-1].seq if rows else stream.told_seq

    async def _news(
        self, stream: Stream, owner: Callable[[], Awaitable[str | None]]
    ) -> AsyncGenerator[list[tuple[str, dict[str, object]]]]:
        try:
            check_at = time.monotonic() + SESSION_CHECK_SECONDS
            while not self._stopping:
                try:
                    await asyncio.wait_for(stream.news.wait(), HEARTBEAT_SECONDS)
                    events = stream.take()
                except TimeoutError:
                    events = [("heartbeat", {"at_ms": now_ms()})]
                if events:
                    yield events
                if time.monotonic() >= check_at:
                    check_at = time.monotonic() + SESSION_CHECK_SECONDS
                    if not await self._still(stream.user, owner):
                        return
        finally:
            self.shut(stream)

    async def _still(self, user: str, owner: Callable[[], Awaitable[str | None]]) -> bool:
        try:
            return await owner() == user
        except Unavailable:
            return True

    async def _look_up(self) -> None:
        while True:
            await self._stale.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._stale.clear()
            users = self.registry.take_stale()
            try:
                self.registry.tell_seqs(await self._in_thread(lookups.newest_seqs, users) if users else ())
            except Exception as error:
                # Nothing may end this task: the open pages would show old accounts, and call themselves live.
                if isinstance(error, Unavailable):
                    log.warning("cannot look up accounts", error=str(error))
                else:
                    log.exception("cannot look up accounts")
                self.registry.put_back(users)
                self._stale.set()
                await asyncio.sleep(RETRY_SECONDS)

    async def _in_thread(self, look: Callable[..., Found], *arguments: object) -> Found:
        return await self._loop.run_in_executor(self._threads, look, self._store, *arguments)

    def _on_loop(self, hear: Callable[..., object]) -> Callable[..., None]:
        """Wraps a callback for the listening thread, so that it runs on the event loop."""

        def tell(*arguments: object) -> None:
            hear(*arguments)
            self._stale.set()

        def tell_from_any_thread(*arguments: object) -> None:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is listening any more
                self._loop.call_soon_threadsafe(tell, *arguments)

        return tell_from_any_thread

    def _next_id(self) -> str:
        # The server ignores the id of a returning page: it sends all that is current.
        self._events_sent += 1
        return f"{self._began_ms}-{self._events_sent}"
