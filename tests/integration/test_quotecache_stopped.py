"""A quote cache that is suspended (SIGSTOP) and wakes after a takeover buys nothing, and no request is lost."""

import os
import signal
import subprocess
import time
from collections import Counter

import psutil
import pytest

from quotecache.fetch import Failure, Fetch
from quotecache.lease_guard import SURE_SECONDS, LeaseGuard
from quotecache.store import LEASE_MS
from quotecache.upstream import Upstream
from schema.commands import VERSION
from schema.events import PriceRequest, Quote
from tests.integration.quotecache_processes import FaultyServer, ended, rows, running

LIVE = "SELECT 1 FROM replicas WHERE replica LIKE 'one@%' AND live_until > clock_timestamp()"
OWNED_BY_ANOTHER = "SELECT 1 FROM partitions WHERE consumer_group = 'quotecache' AND owner LIKE 'another@%'"
OWNED_BY_ONE = OWNED_BY_ANOTHER.replace("another", "one")


def good(symbol: str, user: str, _number: int = 1) -> bytes:
    return f"10.00,{symbol},{user},1507094283184,key==\n".encode()


def is_stopped(process: subprocess.Popen) -> bool:
    return psutil.Process(process.pid).status() == psutil.STATUS_STOPPED


def wakes(process: subprocess.Popen) -> None:
    os.kill(process.pid, signal.SIGCONT)


def test_a_resumed_owner_does_not_send_a_recorded_fetch_that_its_successor_repeated(
    environment, asker, audit, database_url, wait_for
):
    with FaultyServer(good) as server:
        settings = environment | {"QUOTE_SERVER": server.setting}
        with running("quotecache", settings | {"FAULT_POINT": "before-ask:1:stop"}) as stopped:
            wait_for(lambda: rows(database_url, OWNED_BY_ONE), what="an owner")
            with running("quotecache", settings | {"REPLICA": "another"}):
                asker.ask("ABC")
                wait_for(lambda: is_stopped(stopped), what="it has put the fetch on record, and stops")
                assert server.hits == {}
                quote = wait_for(lambda: asker.answer("ABC"), what="the price, from the successor")
                wait_for(lambda: not rows(database_url, LIVE))
                wakes(stopped)
                wait_for(lambda: rows(database_url, LIVE), what="it has found out, and stands by")
                assert ended(stopped) == 0
        assert server.hits == {"ABC": 1}
    assert isinstance(quote, Quote)
    assert rows(database_url, "SELECT failure FROM quote_fetches ORDER BY quote_id") == [("abandoned",), (None,)]
    assert len(audit()) == 2


def test_a_suspended_owner_receives_no_request_after_a_takeover(environment, asker, database_url, wait_for):
    symbols = [f"S{letter}" for letter in "ABCDEFGHIJKLMNOPQRST"]
    with FaultyServer(good) as server:
        settings = environment | {"QUOTE_SERVER": server.setting}
        with running("quotecache", settings) as stopped:
            wait_for(lambda: rows(database_url, OWNED_BY_ONE), what="an owner")
            with running("quotecache", settings | {"REPLICA": "another"}):
                os.kill(stopped.pid, signal.SIGSTOP)
                asker.ask("LST")  # the suspended owner receives it; the client repeats it when the successor appears
                asker.publisher.flush()
                quote = wait_for(lambda: asker.answer("LST"), what="a price, from the successor")
                for symbol in symbols:
                    asker.ask_raw(symbol, "jane")  # nobody repeats these
                wait_for(lambda: asker.have(*symbols), what="each price, from the successor")
        assert server.hits == Counter(["LST", *symbols])
    assert isinstance(quote, Quote)


@pytest.mark.parametrize(("seconds_ago", "hits"), [(0, 1), (SURE_SECONDS + 0.1, 0)])
def test_a_request_is_sent_only_shortly_after_the_lease_was_renewed(seconds_ago, hits, wait_for):
    with FaultyServer(good) as server:
        upstream = Upstream(
            server.server_address, 5_000, (101, 499_900), lambda: None, LeaseGuard(time.monotonic() - seconds_ago)
        )
        upstream.ask([Fetch(1, PriceRequest(VERSION, "ABC", "ann", 1), 0)])
        ((_, outcome),) = wait_for(upstream.take, what="an outcome")
        upstream.close()
        assert server.hits.total() == hits
    assert hits or outcome == Failure("not sent: the lease was not renewed in time", paid=False)


def test_a_hold_that_is_renewed_is_sure_again():
    hold = LeaseGuard(time.monotonic() - LEASE_MS)
    assert not hold.is_sure()
    hold.renewed(time.monotonic())
    assert hold.is_sure()
