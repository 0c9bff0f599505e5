"""The client for asyncio. `daytrade_client.synchronous` has the same calls for ordinary programs."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Literal, TypeVar

import httpx

from daytrade_client import answers, calls, exchange
from daytrade_client.answers import CommandInfo, Side
from daytrade_client.calls import Call, Order
from daytrade_client.logged_in import place_of
from daytrade_client.server_sent import EventReader

Answer = TypeVar("Answer")

OUTCOME_SECONDS_MAX = 60.0
"""Longest wait for an outcome before it is returned as pending."""


class AsyncClient:
    """Client of one person for asyncio, with the calls of `daytrade_client.synchronous.Client`.

    Raises ApiRefusal, NoAnswer, NotLoggedIn.
    """

    def __init__(self, url: str = "", token: str = "", transport: httpx.AsyncBaseTransport | None = None):
        self._place = place_of(url, token)
        self._http = httpx.AsyncClient(timeout=exchange.TIMEOUT_SECONDS, transport=transport)

    async def __aenter__(self) -> "AsyncClient":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close_connections()

    async def close_connections(self) -> None:
        await self._http.aclose()

    async def send(self, call: Call[Answer]) -> Answer:
        """Sends any call of `daytrade_client.calls`; sends it again while no answer comes, if that is safe."""
        for attempt in range(1, exchange.ATTEMPTS_MAX + 1):
            answer, failure = None, None
            try:
                answer = await self._http.request(**self._place.sent(call))
            except httpx.TransportError as error:
                failure = error
            pause = exchange.pause_after(call, attempt, answer)
            if pause is None or (answer is not None and not answer.is_error):
                break
            await asyncio.sleep(pause)
        if answer is None:
            assert failure is not None, "there was an answer or a failure"
            raise exchange.no_answer(call, failure) from failure
        return exchange.read(call, answer)

    async def give(self, order: Order) -> CommandInfo:
        """Gives a command and waits for its outcome."""
        return await self.settled(await self.send(calls.give(order)))

    async def settled(self, info: CommandInfo) -> CommandInfo:
        """The command with its outcome; pending if none has come after OUTCOME_SECONDS_MAX."""
        ends_at = time.monotonic() + OUTCOME_SECONDS_MAX
        while exchange.is_open(info) and time.monotonic() < ends_at:
            info = await self.send(calls.outcome(info.command_id))
        return info

    async def give_all(self, orders: Sequence[Order]) -> list[answers.BatchResult]:
        """Gives up to 100 commands in their order."""
        return (await self.send(calls.batch(orders))).answers

    async def add(self, amount: str) -> CommandInfo:
        return await self.give(calls.add(amount))

    async def get_price(self, symbol: str) -> CommandInfo:
        return await self.give(calls.get_price(symbol))

    async def buy(self, symbol: str, shares: int | None = None, amount: str | None = None) -> CommandInfo:
        return await self.give(calls.buy(symbol, shares, amount))

    async def sell(self, symbol: str, shares: int | None = None, amount: str | None = None) -> CommandInfo:
        return await self.give(calls.sell(symbol, shares, amount))

    async def commit(self, side: Side, order: int | None = None) -> CommandInfo:
        return await self.give(calls.commit(side, order))

    async def cancel(self, side: Side, order: int | None = None) -> CommandInfo:
        return await self.give(calls.cancel(side, order))

    async def arm(self, side: Side, symbol: str, amount: str, price: str) -> list[answers.BatchResult]:
        """Sets a trigger order and arms it."""
        return await self.give_all([calls.set_amount(side, symbol, amount), calls.set_trigger(side, symbol, price)])

    async def cancel_trigger(self, side: Side, symbol: str) -> CommandInfo:
        return await self.give(calls.cancel_trigger(side, symbol))

    async def close(self, symbol: str | None = None, commit: bool = True) -> list[answers.ClosedPosition]:
        return await self.send(calls.close(symbol, commit))

    async def cancel_all(self, what: Literal["orders", "triggers"] = "orders") -> list[CommandInfo]:
        return await self.send(calls.cancel_all(what))

    async def account(self) -> answers.AccountInfo:
        return await self.send(calls.account())

    async def positions(self) -> list[answers.PositionInfo]:
        return await self.send(calls.positions())

    async def orders(self) -> list[answers.WaitingOrder]:
        return await self.send(calls.orders())

    async def triggers(self) -> list[answers.TriggerInfo]:
        return await self.send(calls.triggers())

    async def quote(self, symbol: str) -> answers.QuoteInfo:
        return await self.send(calls.quote(symbol))

    async def history(self) -> AsyncIterator[answers.HistoryEntry]:
        """Every row of the history, the newest first."""
        before = None
        while True:
            page = await self.send(calls.history(before))
            for row in page.rows:
                yield row
            if (before := page.next_before) is None:
                return

    async def prices(self, symbol: str) -> AsyncIterator[answers.PriceInfo]:
        """Every price of a symbol that was paid for, the oldest first."""
        after = None
        while True:
            page = await self.send(calls.prices(symbol, after))
            for point in page.points:
                yield point
            if (after := page.next_after) is None:
                return

    async def stream(self, symbols: Sequence[str] = (), after: int | None = None) -> AsyncIterator[answers.StreamEvent]:
        """Events, for ever. A lost connection is opened again, and continues after the last row that has come."""
        reader, attempt = EventReader(after), 0
        while True:
            try:
                async for event in self._events(reader, symbols):
                    attempt = 0
                    yield event
            except httpx.TransportError as error:
                if attempt >= len(exchange.PAUSES_SECONDS):
                    raise exchange.no_answer(calls.account(), error) from error
            reader.begin_again()
            await asyncio.sleep(exchange.PAUSES_SECONDS[min(attempt, len(exchange.PAUSES_SECONDS) - 1)])
            attempt += 1

    async def _events(self, reader: EventReader, symbols: Sequence[str]) -> AsyncIterator[answers.StreamEvent]:
        asked = exchange.stream_query(symbols, reader.last_seq)
        led = await self._http.get(exchange.stream_url(self._place), params=asked, headers=self._place.headers())
        if exchange.is_busy(led):
            return
        address = exchange.led_to(self._place, led)
        timeout = httpx.Timeout(exchange.TIMEOUT_SECONDS, read=exchange.STREAM_SILENCE_SECONDS)
        async with self._http.stream("GET", address, headers=self._place.headers(), timeout=timeout) as answer:
            if answer.is_error:
                await answer.aread()
                if exchange.is_busy(answer):
                    return
                raise exchange.refusal_of(answer)
            async for line in answer.aiter_lines():
                if (event := reader.take(line)) is not None:
                    yield event
