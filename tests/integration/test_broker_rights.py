"""Rights in RabbitMQ: each role tries everything that it must not do, and no forged message has an effect."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from functools import partial
from urllib.parse import urlsplit

import pika
import psycopg
import pytest
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker

from bench.processes import ROOT
from rabbitmq.connection import open_connection
from rabbitmq.declare import declare
from rabbitmq.publisher import Outgoing, Publisher
from rabbitmq.rights import SETUP_USER, url_for
from rabbitmq.roles import BrokerRole
from rabbitmq.subscription import Subscription
from rabbitmq.topology import AUDIT_STREAM, EXCHANGES, PRICE_REQUESTS_QUEUE, account_key, command_stream, trigger_key
from schema.codec import encode
from schema.commands import NO_USER, VERSION, CommandBatch, DumpMarker, FillBatch, partition_of
from schema.errors import BrokerError
from schema.events import (
    QUOTECACHE_SOURCE,
    AccountsChanged,
    AuditMessage,
    PriceMessage,
    PriceRequest,
    ReplyMessage,
    TriggerChange,
    TriggerMessage,
    trigger_partition_of,
)
from schema.outcomes import Side
from tests.builders import a_command, a_fill, a_quote
from tests.e2e.system import System
from tests.integration.audit_harness import command, quote

WEB, PRODUCERS, TRANSACTIONS = BrokerRole.WEB, BrokerRole.PRODUCERS, BrokerRole.TRANSACTIONS
TRIGGERS, QUOTECACHE, AUDIT, OPERATOR = (
    BrokerRole.TRIGGERS,
    BrokerRole.QUOTECACHE,
    BrokerRole.AUDIT,
    BrokerRole.OPERATOR,
)

LOGS = ("commands.00", "commands.15")
QUEUES = (*LOGS, AUDIT_STREAM, PRICE_REQUESTS_QUEUE)

MAY_PUBLISH = {
    WEB: {"commands"},
    PRODUCERS: {"commands"},
    TRANSACTIONS: {"audit", "trigger-changes", "accounts-changed", "replies", "quote-requests"},
    TRIGGERS: {"fills", "quote-requests"},
    QUOTECACHE: {"audit", "prices"},
    AUDIT: set(),
    OPERATOR: {"commands", "audit"},
}

MAY_READ = {
    WEB: {*LOGS, "audit"},
    PRODUCERS: set(),
    TRANSACTIONS: {*LOGS},
    TRIGGERS: set(),
    QUOTECACHE: {"price-requests"},
    AUDIT: {"audit"},
    OPERATOR: {*LOGS, "audit"},
}

MAY_BIND_FROM = {
    WEB: {"prices", "accounts-changed", "replies"},
    TRANSACTIONS: {"prices"},
    TRIGGERS: {"prices", "trigger-changes"},
}

UNCOMMITTED = 2**40
"""Number of audit entries that their source has not committed."""

ANNS = partition_of("ann")


@pytest.fixture(scope="module")
def setup_url() -> str:
    """The address of the user that sets up. Given servers have one user for all, so there is nothing to test."""
    url = os.environ["AMQP_URL"]
    if urlsplit(url).username != SETUP_USER:
        pytest.skip("the given server has one user for all roles")
    with closing(open_connection(url, "tests")) as connection:
        declare(connection)
    return url


@pytest.fixture(scope="module")
def connected(setup_url: str) -> Iterator[Callable[[str], pika.BlockingConnection]]:
    """Returns the connection of a role; one for each is open."""
    open_ones: dict[str, pika.BlockingConnection] = {}

    def connect(role: BrokerRole) -> pika.BlockingConnection:
        if role not in open_ones:
            open_ones[role] = pika.BlockingConnection(pika.URLParameters(url_for(role, setup_url)))
        return open_ones[role]

    yield connect
    for one in open_ones.values():
        one.close()


def answer_to(connection: pika.BlockingConnection, act: Callable) -> int:
    """Returns the broker's code if it refuses an action on a new channel, else 0."""
    channel = connection.channel()
    try:
        act(channel)
    except ChannelClosedByBroker as closed:
        return closed.reply_code
    channel.close()
    return 0


def publish(exchange: str, channel: BlockingChannel, key="nowhere", user: str | None = None, body=b"") -> None:
    channel.confirm_delivery()
    channel.basic_publish(exchange, key, body, pika.BasicProperties(user_id=user))


def consume(queue: str, channel: BlockingChannel) -> None:
    channel.basic_qos(prefetch_count=1)
    channel.basic_consume(queue, lambda *_: None)


@pytest.mark.parametrize("role", BrokerRole)
def test_a_role_publishes_reads_and_binds_only_what_it_is_for(role, connected) -> None:
    connection = connected(role)

    def allowed(names: Iterable[str], act: Callable) -> set[str]:
        codes = {name: answer_to(connection, partial(act, name)) for name in names}
        assert set(codes.values()) <= {0, 403}, codes
        return {name for name, code in codes.items() if code == 0}

    assert allowed([*EXCHANGES, ""], publish) == MAY_PUBLISH[role]
    assert allowed(QUEUES, consume) == MAY_READ[role]
    assert allowed([*QUEUES, "new"], lambda name, channel: channel.queue_declare(name, durable=True)) == set()
    assert allowed([*EXCHANGES, "new"], lambda name, channel: channel.exchange_declare(name, "topic")) == set()
    assert allowed(QUEUES, lambda name, channel: channel.queue_delete(name)) == set()
    assert allowed(EXCHANGES, lambda name, channel: channel.exchange_delete(name)) == set()
    sources = MAY_BIND_FROM.get(role, set())
    for target in QUEUES:
        # The only queue with the name of an exchange is the log of record.
        expected = sources | (MAY_READ[role] & {"audit"}) if target in MAY_PUBLISH[role] else set()
        assert allowed(EXCHANGES, lambda name, channel, to=target: channel.queue_bind(to, name, "")) == expected, target
    if sources:
        own = connection.channel().queue_declare(f"{role}.own", exclusive=True).method.queue
        readable = sources | (MAY_READ[role] & {"audit"})
        assert allowed(EXCHANGES, lambda name, channel: channel.queue_bind(own, name, "")) == readable


@pytest.mark.parametrize("role", BrokerRole)
def test_a_role_has_no_right_to_the_private_queue_of_another(role, connected) -> None:
    other = WEB if role is TRANSACTIONS else TRANSACTIONS
    channel = connected(other).channel()
    queue = channel.queue_declare(f"{other}.private", exclusive=True).method.queue
    for act in (
        partial(consume, queue),
        lambda channel: channel.queue_declare(queue, exclusive=True),
        lambda channel: channel.queue_delete(queue),
        lambda channel: channel.queue_bind(queue, "prices", ""),
    ):
        assert answer_to(connected(role), act) in (403, 405)
    channel.close()


def test_nobody_publishes_in_the_name_of_another(connected) -> None:
    for role, exchanges in MAY_PUBLISH.items():
        for other in ({*BrokerRole, SETUP_USER} - {role}) if exchanges else ():
            code = answer_to(connected(role), partial(publish, next(iter(exchanges)), user=other))
            assert code == 406, (role, other)


def test_a_publisher_that_may_not_publish_hears_of_it_at_once(setup_url) -> None:
    with closing(open_connection(url_for(WEB, setup_url), "test")) as connection:
        publisher = Publisher(connection)
        publisher.publish(Outgoing("fills", command_stream(0), b""))
        with pytest.raises(BrokerError, match="ACCESS_REFUSED"):
            publisher.flush()


def test_a_reader_drops_what_only_wrong_rights_let_through(setup_url, wait_for, capsys) -> None:
    """In the namespaces of tests the user that sets up may publish everything."""
    heard: list[bytes] = []
    with (
        closing(open_connection(url_for(TRIGGERS, setup_url), "reader")) as reader,
        closing(open_connection(setup_url, "forger")) as forger,
        closing(open_connection(url_for(QUOTECACHE, setup_url), "quote cache")) as cache,
    ):
        Subscription(reader, "prices", [""], heard.append)
        for connection, body in ((forger, b"forged"), (cache, b"real")):
            publisher = Publisher(connection)
            publisher.publish(Outgoing("prices", "", body))
            publisher.flush()
        wait_for(lambda: reader.pump(0.01) or heard)
    assert heard == [b"real"]
    assert "ALARM" in capsys.readouterr().out


def messages() -> dict[str, tuple[bytes, str]]:
    """A message of each kind, with its key in its exchange."""
    log = command_stream(ANNS)
    dump = a_command("DUMPLOG", user=None)
    change = TriggerChange("ann", "ABC", Side.BUY, 2**40, 499_900, 10**6, 0, 1)
    return {
        "commands": (encode(CommandBatch(VERSION, 1, [a_command("ADD", 10**9)])), log),
        "fills": (encode(FillBatch(VERSION, 1, [a_fill(1, 1)])), log),
        "markers": (encode(DumpMarker(VERSION, 1, dump)), command_stream(partition_of(NO_USER))),
        "entries": (encode(AuditMessage(VERSION, ANNS, UNCOMMITTED, [command(1)])), ""),
        "paid quotes": (encode(AuditMessage(VERSION, QUOTECACHE_SOURCE, UNCOMMITTED, [quote(1)])), ""),
        "prices": (encode(PriceMessage(VERSION, [a_quote(1)])), ""),
        "requests": (encode(PriceRequest(VERSION, "ZZZ", "ann", 1)), ""),
        "changes": (encode(TriggerMessage(VERSION, [change])), trigger_key(trigger_partition_of("ABC"))),
        "replies": (encode(ReplyMessage(VERSION, [])), "daytrade.web.queue"),
        "hints": (encode(AccountsChanged(VERSION, ["ann"])), account_key(ANNS)),
    }


RIGHTFUL = {
    "commands": {(WEB, "commands"), (PRODUCERS, "commands"), (OPERATOR, "commands")},
    "markers": {(WEB, "commands"), (PRODUCERS, "commands"), (OPERATOR, "commands")},
    "fills": {(TRIGGERS, "fills")},
    "entries": {(TRANSACTIONS, "audit"), (OPERATOR, "audit")},
    "paid quotes": {(QUOTECACHE, "audit"), (OPERATOR, "audit")},
    "prices": {(QUOTECACHE, "prices")},
    "requests": {(TRANSACTIONS, "quote-requests"), (TRIGGERS, "quote-requests")},
    "changes": {(TRANSACTIONS, "trigger-changes")},
    "replies": {(TRANSACTIONS, "replies")},
    "hints": {(TRANSACTIONS, "accounts-changed")},
}
"""Roles and exchanges through which each kind of message may come. All other ways are forgeries."""


def forge_everything(connected: Callable) -> tuple[int, int]:
    """Tries every kind of message in every exchange as every role. Returns how many reached a log: of all, and of those
    that are well-formed for their log, which only their sender gives away."""
    in_logs = forged = 0
    for kind, (body, key) in messages().items():
        for role in BrokerRole:
            for exchange in (*EXCHANGES, ""):
                if (role, exchange) in RIGHTFUL[kind]:
                    continue
                code = answer_to(connected(role), partial(publish, exchange, key=key, user=role, body=body))
                assert code == (0 if exchange in MAY_PUBLISH[role] else 403), (kind, role, exchange)
                if code == 0 and reaches_log(exchange, key):
                    in_logs += 1
                    forged += kind in (OF_AUDIT if exchange == "audit" else OF_COMMANDS)
    return in_logs, forged


OF_COMMANDS, OF_AUDIT = ("commands", "markers", "fills"), ("entries", "paid quotes")


def reaches_log(exchange: str, key: str) -> bool:
    return exchange == "audit" or (exchange in ("commands", "fills") and key.startswith("commands."))


def test_no_forged_message_has_an_effect(setup_url, amqp_url, database_url, tmp_path, connected, wait_for) -> None:
    system = System(amqp_url, database_url, tmp_path)
    try:
        system.start()
        driver = system.load(ROOT / "workloads" / "tiny.txt", tmp_path / "report.json")
        assert driver.wait(timeout=60) == 0, system.log("loadtest")
        before = state(database_url)
        in_logs, forged = forge_everything(connected)
        with psycopg.connect(database_url, autocommit=True) as database:

            def kept(condition: str) -> int:
                return database.execute(f"SELECT count(*) FROM dead_letters WHERE {condition}").fetchone()[0]

            wait_for(lambda: kept("true") >= in_logs, what=lambda: f"{in_logs} dead letters, not {kept('true')}")
            assert (kept("true"), kept("reason LIKE 'forged: %'")) == (in_logs, forged)
            assert forged == 7
        assert set(system.stop().values()) == {0}
    finally:
        system.destroy()
    assert state(database_url) == before
    assert "dropped" not in "".join(system.log(name) for name in ("transactions-0", "triggers", "quotecache"))
    environment = {**os.environ, "DATABASE_URL": database_url}
    verified = subprocess.run(
        [sys.executable, "-m", "operators", "verify"], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert verified.returncode == 0, verified.stdout + verified.stderr


def state(database_url: str) -> list[tuple]:
    """Returns what the accounts hold, what happened to them, and what was paid for."""
    with psycopg.connect(database_url) as database:
        tables = ("accounts", "positions", "trigger_orders", "pending_orders", "history", "quote_fetches")
        counted = "SELECT count(*), md5(string_agg(t::text, '' ORDER BY t::text)) FROM {} t"
        return [database.execute(counted.format(table)).fetchone() for table in tables]
