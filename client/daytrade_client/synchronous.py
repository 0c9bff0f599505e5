"""The client for ordinary programs. `daytrade_client.asynchronous` has the same calls for asyncio."""

import time
from collections.abc import Iterator, Sequence
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


class Client:
    """Client of one person. Without arguments it uses DAYTRADE_URL and DAYTRADE_TOKEN, or what `daytrade login` kept.

    Raises ApiRefusal, NoAnswer, NotLoggedIn.
    """

    def __init__(self, url: str = "", token: str = "", transport: httpx.BaseTransport | None = None):
        self._place = place_of(url, token)
        self._http = httpx.Client(timeout=exchange.TIMEOUT_SECONDS, transport=transport)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close_connections()

    def close_connections(self) -> None:
        self._http.close()

    def send(self, call: Call[Answer]) -> Answer:
        """Sends any call of `daytrade_client.calls`; sends it again while no answer comes, if that is safe."""
        for attempt in range(1, exchange.ATTEMPTS_MAX + 1):
            answer, failure = None, None
            try:
                answer = self._http.request(**self._place.sent(call))
            except httpx.TransportError as error:
                failure = error
            pause = exchange.pause_after(call, attempt, answer)
            if pause is None or (answer is not None and not answer.is_error):
                break
            time.sleep(pause)
        if answer is None:
            assert failure is not None, "there was an answer or a failure"
            raise exchange.no_answer(call, failure) from failure
        return exchange.read(call, answer)

    def give(self, order: Order) -> CommandInfo:
        """Gives a command and waits for its outcome."""
        return self.settled(self.send(calls.give(order)))

    def settled(self, info: CommandInfo) -> CommandInfo:
        """The command with its outcome; pending if none has come after OUTCOME_SECONDS_MAX."""
        ends_at = time.monotonic() + OUTCOME_SECONDS_MAX
        while exchange.is_open(info) and time.monotonic() < ends_at:
            info = self.send(calls.outcome(info.command_id))
        return info

    def give_all(self, orders: Sequence[Order]) -> list[answers.BatchResult]:
        """Gives up to 100 commands in their order."""
        return self.send(calls.batch(orders)).answers

    def add(self, amount: str) -> CommandInfo:
        return self.give(calls.add(amount))

    def get_price(self, symbol: str) -> CommandInfo:
        return self.give(calls.get_price(symbol))

    def buy(self, symbol: str, shares: int | None = None, amount: str | None = None) -> CommandInfo:
        return self.give(calls.buy(symbol, shares, amount))

    def sell(self, symbol: str, shares: int | None = None, amount: str | None = None) -> CommandInfo:
        return self.give(calls.sell(symbol, shares, amount))

    def commit(self, side: Side, order: int | None = None) -> CommandInfo:
        return self.give(calls.commit(side, order))

    def cancel(self, side: Side, order: int | None = None) -> CommandInfo:
        return self.give(calls.cancel(side, order))

    def arm(self, side: Side, symbol: str, amount: str, price: str) -> list[answers.BatchResult]:
        """Sets a trigger order and arms it."""
        return self.give_all([calls.set_amount(side, symbol, amount), calls.set_trigger(side, symbol, price)])

    def cancel_trigger(self, side: Side, symbol: str) -> CommandInfo:
        return self.give(calls.cancel_trigger(side, symbol))

    def close(self, symbol: str | None = None, commit: bool = True) -> list[answers.ClosedPosition]:
        return self.send(calls.close(symbol, commit))

    def cancel_all(self, what: Literal["orders", "triggers"] = "orders") -> list[CommandInfo]:
        return self.send(calls.cancel_all(what))

    def account(self) -> answers.AccountInfo:
        return self.send(calls.account())

    def positions(self) -> list[answers.PositionInfo]:
        return self.send(calls.positions())

    def orders(self) -> list[answers.WaitingOrder]:
        return self.send(calls.orders())

    def triggers(self) -> list[answers.TriggerInfo]:
        return self.send(calls.triggers())

    def quote(self, symbol: str) -> answers.QuoteInfo:
        return self.send(calls.quote(symbol))

    def history(self) -> Iterator[answers.HistoryEntry]:
        """Every row of the history, the newest first."""
        before = None
        while True:
            page = self.send(calls.history(before))
            yield from page.rows
            if (before := page.next_before) is None:
                return

    def prices(self, symbol: str) -> Iterator[answers.PriceInfo]:
        """Every price of a symbol that was paid for, the oldest first."""
        after = None
        while True:
            page = self.send(calls.prices(symbol, after))
            yield from page.points
            if (after := page.next_after) is None:
                return

    def stream(self, symbols: Sequence[str] = (), after: int | None = None) -> Iterator[answers.StreamEvent]:
        """Events, for ever. A lost connection is opened again, and continues after the last row that has come."""
        reader, attempt = EventReader(after), 0
        while True:
            try:
                for event in self._events(reader, symbols):
                    attempt = 0
                    yield event
            except httpx.TransportError as error:
                if attempt >= len(exchange.PAUSES_SECONDS):
                    raise exchange.no_answer(calls.account(), error) from error
            reader.begin_again()
            time.sleep(exchange.PAUSES_SECONDS[min(attempt, len(exchange.PAUSES_SECONDS) - 1)])
            attempt += 1

    def _events(self, reader: EventReader, symbols: Sequence[str]) -> Iterator[answers.StreamEvent]:
        asked = exchange.stream_query(symbols, reader.last_seq)
        led = self._http.get(exchange.stream_url(self._place), params=asked, headers=self._place.headers())
        if exchange.is_busy(led):
            return
        address = exchange.led_to(self._place, led)
        timeout = httpx.Timeout(exchange.TIMEOUT_SECONDS, read=exchange.STREAM_SILENCE_SECONDS)
        with self._http.stream("GET", address, headers=self._place.headers(), timeout=timeout) as answer:
            if answer.is_error:
                answer.read()
                if exchange.is_busy(answer):
                    return
                raise exchange.refusal_of(answer)
            for line in answer.iter_lines():
                if (event := reader.take(line)) is not None:
                    yield event
