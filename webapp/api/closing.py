"""API calls that close positions and cancel all orders."""

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from flask import Response

from webapp import closing, reads
from webapp.accounts import Person, client, clients_rate
from webapp.api.operation import answered, operation
from webapp.api.problems import ProblemError
from webapp.bounds import SymbolLetters, WaitMs
from webapp.command_results import CommandResult
from webapp.limits import charge
from webapp.unavailable import Unavailable

WAIT_MS = 5_000


class Closing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Query of calls that close positions. `commit`: false leaves the SELLs pending; `wait`: longest wait, in ms."""

    commit: bool = True
    wait: WaitMs = WAIT_MS


class Cancelling(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Query of calls that cancel. `wait`: longest wait for the outcomes, in ms."""

    wait: WaitMs = WAIT_MS


CLOSED = {200: list[closing.Closed], 202: list[closing.Closed]}
CANCELLED = {200: list[CommandResult], 202: list[CommandResult]}


@operation("DELETE", "/positions", CLOSED, query=Closing)
def close_positions(person: Person, query: Closing) -> Response:
    """Sell all available shares of all your positions, and commit: 202 if an outcome is not known in time."""
    return _closed(person, closing.available(person.user_id), query)


@operation("DELETE", "/positions/{symbol}", CLOSED, path_parameters={"symbol": SymbolLetters}, query=Closing)
def close_position(person: Person, symbol: str, query: Closing) -> Response:
    """Sell all available shares of a position, and commit: 202 if an outcome is not known in time."""
    shares = closing.available(person.user_id, symbol.upper())
    if not shares:
        raise ProblemError(404, "you have no available shares of this symbol")
    return _closed(person, shares, query)


@operation("DELETE", "/orders", CANCELLED, query=Cancelling)
def cancel_orders(person: Person, query: Cancelling) -> Response:
    """Cancel all your pending orders: 202 if an outcome is not known in time."""
    charge(len(reads.pending_orders(person.user_id)) - 1, client(), clients_rate())
    with _perhaps_taken():
        return _cancelled(closing.cancel_orders(person.user_id, query.wait))


@operation("DELETE", "/triggers", CANCELLED, query=Cancelling)
def cancel_triggers(person: Person, query: Cancelling) -> Response:
    """Cancel all your trigger orders: 202 if an outcome is not known in time."""
    charge(len(reads.trigger_orders(person.user_id)) - 1, client(), clients_rate())
    with _perhaps_taken():
        return _cancelled(closing.cancel_triggers(person.user_id, query.wait))


@contextmanager
def _perhaps_taken() -> Iterator[None]:
    """Lets a 503 say that something may have taken effect: the call publishes commands one after another."""
    try:
        yield
    except Unavailable as error:
        raise Unavailable(str(error), error.retry_after_seconds, perhaps_taken=True) from error


def _closed(person: Person, shares: dict[str, int], query: Closing) -> Response:
    charge((2 if query.commit else 1) * len(shares) - 1, client(), clients_rate())
    with _perhaps_taken():
        closed = closing.close(person.user_id, shares, query.commit, query.wait)
    is_pending = any(one.sell.pending or (one.commit is not None and one.commit.pending) for one in closed)
    return answered(closed, 202 if is_pending else 200)


def _cancelled(results: list[CommandResult]) -> Response:
    return answered(results, 202 if any(result.pending for result in results) else 200)
