"""Replay of a real run arrives at the live state, whatever died meanwhile, and names what differs if it does not."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from bench.processes import ROOT
from consumers.transactions import store
from consumers.transactions.replay.fresh import fresh_name
from database.postgres import connect
from rabbitmq.connection import Connection, open_connection
from rabbitmq.lengths import newest_offsets
from rabbitmq.publisher import Outgoing, Publisher
from rabbitmq.stream_reader import read
from rabbitmq.topology import COMMANDS_EXCHANGE, command_stream
from schema import codec
from schema.commands import PARTITIONS, VERSION, CommandBatch, partition_of
from tests import forging
from tests.builders import a_command
from tests.e2e.system import System
from verification.account_at import NoSuchRow, account_at

SMALL = ROOT / "workloads" / "small.txt"


@pytest.fixture
def system(amqp_url: str, database_url: str, tmp_path: Path) -> Iterator[System]:
    built = System(amqp_url, database_url, tmp_path)
    yield built
    built.destroy()
    name = fresh_name(database_url)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def run(system: System, verb: str, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "operators", verb, *arguments],
        cwd=ROOT,
        env=system.environment,
        capture_output=True,
        text=True,
    )


def replay(system: System) -> subprocess.CompletedProcess:
    return run(system, "replay")


def finish(system: System, driver: subprocess.Popen) -> None:
    assert driver.wait(timeout=90) == 0, system.log("loadtest")
    assert set(system.stop().values()) == {0}


def tamper(system: System, statement: str) -> None:
    with psycopg.connect(system.environment["DATABASE_URL"]) as connection:
        forging.allow(connection)
        assert connection.execute(statement).rowcount == 1, statement


def test_replay_reaches_the_live_state_and_names_altered_rows(system: System) -> None:
    system.start()
    finish(system, system.load(SMALL, system.folder / "report.json"))

    done = replay(system)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Replayed 2,000 commands" in done.stdout
    assert "not yet executed: 0" in done.stdout
    live, replayed = re.findall("sha256 ([0-9a-f]{64})", done.stdout)
    assert live == replayed
    state = system.folder / "state"
    assert live in run(system, "state", str(state)).stdout

    _every_account_is_its_folded_history(system, json.loads(state.read_text()))

    user = min(json.loads(state.read_text()))
    tamper(system, f"UPDATE accounts SET cash_cents = cash_cents + 1 WHERE user_id = '{user}'")
    done = replay(system)
    assert done.returncode == 1
    assert f"different: {user}: cash_cents is" in done.stdout
    tamper(system, f"UPDATE accounts SET cash_cents = cash_cents - 1 WHERE user_id = '{user}'")

    tamper(system, f"UPDATE history SET cash_delta_cents = cash_delta_cents + 1 WHERE user_id = '{user}' AND seq = 1")
    done = replay(system)
    assert done.returncode == 1
    assert "equal" in done.stdout.splitlines()
    assert f"1 decided differently than recorded; the first: {user}: row 1," in done.stdout


def _every_account_is_its_folded_history(system: System, state: dict) -> None:
    with connect(system.environment["DATABASE_URL"], "test") as connection:
        for stored in store.load(connection, state):
            assert account_at(connection, stored.user, stored.history_seq) == stored
            assert account_at(connection, stored.user, 0).history_seq == 0
        with pytest.raises(NoSuchRow, match="the newest is"):
            account_at(connection, stored.user, stored.history_seq + 1)
    shown = run(system, "account-at", stored.user, str(stored.history_seq), "--json")
    exported = json.loads(shown.stdout)
    assert {key: exported[key] for key in state[stored.user]} == state[stored.user]
    assert run(system, "account-at", "nobody-of-this-name", "1").returncode == 1
    assert run(system, "account-at", os.fsdecode(b"not-utf-8-\xe9"), "1").returncode == 2


def test_replay_comes_to_the_live_state_after_kill_9_of_a_worker(system: System, wait_for) -> None:
    system.start()
    driver = system.load(SMALL, system.folder / "report.json")
    with connect(system.environment["DATABASE_URL"], "test") as connection:
        connection.autocommit = True
        wait_for(lambda: connection.execute("SELECT count(*) >= 100 FROM history").fetchone()[0], what="100 rows")
        system.kill("transactions-0")
        system.start("transactions-0")
    finish(system, driver)
    done = replay(system)
    assert done.returncode == 0, done.stdout + done.stderr


def test_copies_undecodable_messages_and_waiting_commands_do_not_change_replay(system: System, amqp_url: str) -> None:
    system.start()
    finish(system, system.load(ROOT / "workloads" / "tiny.txt", system.folder / "report.json"))
    connection = open_connection(amqp_url, "test")
    publisher = Publisher(connection)
    stream, body, copies = _a_message_of_commands(connection)
    publisher.publish(Outgoing(COMMANDS_EXCHANGE, stream, body))
    publisher.publish(Outgoing(COMMANDS_EXCHANGE, stream, b"undecodable"))
    body = codec.encode(CommandBatch(VERSION, 1, [a_command("ADD", 1, user="late"), a_command("ADD", 2, user="late")]))
    publisher.publish(Outgoing(COMMANDS_EXCHANGE, command_stream(partition_of("late")), body))
    publisher.flush()
    connection.close()

    done = replay(system)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"duplicates without effect: {copies} · undecodable messages: 1" in done.stdout
    assert "not yet executed: 2" in done.stdout


def _a_message_of_commands(connection: Connection) -> tuple[str, bytes, int]:
    """Returns the stream of a message, its body, and the number of commands in it."""
    for stream, until in newest_offsets(connection, map(command_stream, range(PARTITIONS))).items():
        for delivery in read(connection, stream, until):
            message = codec.decode_log(delivery.body)
            if isinstance(message, CommandBatch):
                return stream, delivery.body, len(message.commands)
    pytest.fail("no stream has commands")


def test_replay_reports_an_unreachable_database(system: System) -> None:
    system.environment["DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/none"
    done = replay(system)
    assert done.returncode == 2
    assert done.stderr.startswith("replay: cannot reach Postgres")
