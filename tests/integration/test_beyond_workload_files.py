"""Commands that only the site and the API can express (spec §3a), from the stream to verification and replay."""

import subprocess
import sys
from pathlib import Path

import psycopg
from psycopg import sql

from bench.processes import ROOT
from consumers.transactions.replay.fresh import fresh_name
from rabbitmq.connection import open_connection
from rabbitmq.publisher import Outgoing, Publisher
from rabbitmq.rights import url_for
from rabbitmq.roles import BrokerRole
from rabbitmq.topology import COMMANDS_EXCHANGE, command_stream
from schema import codec
from schema.commands import VERSION, Allowances, CommandBatch, partition_of
from tests.builders import a_command
from tests.e2e.system import System

ALLOWANCES = Allowances(armed_max=1, paid_quotes_max=100)

STORY = [
    ("ADD", 100_000_00, {}, None),
    ("BUY", None, {"shares": 3}, None),
    ("BUY", None, {"shares": 10**12}, "too_little_cash"),
    ("BUY", 9_000_00, {}, None),
    ("COMMIT_BUY", None, {"order": 2}, "not_newest_order"),
    ("COMMIT_BUY", None, {"order": 4}, None),
    ("COMMIT_BUY", None, {"order": 2}, None),
    ("COMMIT_BUY", None, {"order": 2}, "no_pending_buy"),
    ("SELL", None, {"shares": 10**12}, "too_few_shares"),
    ("SELL", None, {"shares": 2}, None),
    ("CANCEL_SELL", None, {"order": 10}, None),
    ("SELL", None, {"shares": 1}, None),
    ("COMMIT_SELL", None, {}, None),
    ("BUY", None, {"shares": 1}, None),
    ("SET_BUY_AMOUNT", 10_00, {}, None),
    ("SET_BUY_TRIGGER", 1, {"allowances": ALLOWANCES}, None),
    ("SET_SELL_AMOUNT", 5_000_00, {}, None),
    ("SET_SELL_TRIGGER", 5_000_00, {"allowances": ALLOWANCES}, "trigger_allowance_used_up"),
]


def test_verification_and_replay_hold_for_all_of_it(amqp_url: str, database_url: str, tmp_path: Path, wait_for):
    system = System(amqp_url, database_url, tmp_path)
    try:
        system.start("quote-server", "quotecache", "audit", "transactions-0")
        commands = [a_command(name, amount, **beyond) for name, amount, beyond, _ in STORY]
        connection = open_connection(url_for(BrokerRole.PRODUCERS, amqp_url), "test")
        publisher = Publisher(connection)
        body = codec.encode(CommandBatch(VERSION, 1, commands))
        publisher.publish(Outgoing(COMMANDS_EXCHANGE, command_stream(partition_of("ann")), body))
        publisher.flush()
        connection.close()
        with psycopg.connect(database_url, autocommit=True) as database:
            rows = wait_for(lambda: _rows(database, len(STORY)), what="all commands have their outcome")
            reasons = [reason for reason, *_ in rows]
            assert reasons == [reason for *_, reason in STORY]
            assert rows[4] == ("not_newest_order", None, 2, 4)
            wait_for(lambda: _logged(database) == len(STORY), what="all commands are in the log")
            assert set(system.stop().values()) == {0}
            for verb in ("verify", "replay"):
                done = _run(system, "operators", verb)
                assert done.returncode == 0, done.stdout + done.stderr
            name = sql.Identifier(fresh_name(database_url))
            database.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
    finally:
        system.destroy()


def _rows(database: psycopg.Connection, count: int) -> list[tuple]:
    query = "SELECT reason::text, shares, order_seq, newest_order_seq FROM history WHERE user_id = 'ann' ORDER BY seq"
    rows = database.execute(query).fetchall()
    return rows if len(rows) >= count else []


def _logged(database: psycopg.Connection) -> int:
    return database.execute("SELECT count(*) FROM audit_events WHERE kind = 'userCommand'").fetchone()[0]


def _run(system: System, module: str, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=ROOT, env=system.environment, capture_output=True, text=True
    )
