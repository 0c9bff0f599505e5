"""Metrics and readiness of real processes, as monitoring reads them."""

import contextlib
import json
import signal
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bench import processes
from rabbitmq.connection import open_connection
from rabbitmq.publisher import Outgoing, Publisher
from rabbitmq.rights import url_for
from rabbitmq.roles import BrokerRole
from rabbitmq.topology import COMMANDS_EXCHANGE, command_stream
from runtime.wall_clock import now_ms
from schema.arguments import make_command
from schema.codec import encode
from schema.commands import VERSION, CommandBatch, CommandName, command_id, partition_of
from tests.integration.broker import Relay
from tests.integration.quotecache_processes import FaultyServer, ended, rows

COMMANDS = (
    (CommandName.ADD, ["ann", "100.00"]),
    (CommandName.QUOTE, ["ann", "ABC"]),
    (CommandName.BUY, ["ann", "ABC", "20.00"]),
    (CommandName.COMMIT_SELL, ["ann"]),
    (CommandName.SET_BUY_AMOUNT, ["ann", "XYZ", "30.00"]),
    (CommandName.SET_BUY_TRIGGER, ["ann", "XYZ", "10.00"]),
)
PUBLISHED_BEFORE_MS = 2_000


@dataclass(frozen=True)
class Endpoint:
    """Endpoint of a process for monitoring."""

    port: int

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of an answer; (0, "") if nobody listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def ready(self) -> bool:
        return self.get("/readyz")[0] == 200

    def lacking(self) -> set[str]:
        """Names of the conditions of being ready that are not met."""
        return {name for name, met in json.loads(self.get("/readyz")[1]).items() if not met}

    def values(self, name: str) -> dict[tuple[str, ...], float]:
        """Values of a metric's samples, by the values of their labels."""
        families = text_string_to_metric_families(self.get("/metrics")[1])
        samples = (sample for family in families for sample in family.samples if sample.name == name)
        return {tuple(sample.labels.values()): sample.value for sample in samples}

    def value(self, name: str) -> float | None:
        return self.values(name).get(())


Start = Callable[..., Endpoint]


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Starts a process by its kind, with more settings; returns its endpoint."""
    with contextlib.ExitStack() as stack:

        def run(kind: str, **more: str) -> Endpoint:
            port = processes.free_port()
            settings = environment | {"METRICS_PORT": str(port), "DUMP_DIR": str(tmp_path), **more}
            process = processes.start(kind, tmp_path, settings)
            stack.callback(ended, process, signal.SIGKILL)
            return Endpoint(port)

        yield run


def publish(amqp_url: str, user: str, commands: Sequence[tuple[CommandName, list[str]]]) -> None:
    made = [make_command(command_id(7, n), n, name, given) for n, (name, given) in enumerate(commands, 1)]
    connection = open_connection(url_for(BrokerRole.PRODUCERS, amqp_url), "test")
    publisher = Publisher(connection)
    bodies = (encode(CommandBatch(VERSION, now_ms() - PUBLISHED_BEFORE_MS, made)), b"not a command")
    for body in bodies:
        publisher.publish(Outgoing(COMMANDS_EXCHANGE, command_stream(partition_of(user)), body))
    publisher.flush()
    connection.close()


def price(symbol: str, user: str, _number: int) -> bytes:
    return f"10.00,{symbol},{user},1507094283184,key==\n".encode()


def test_each_kind_of_worker_shows_in_its_metrics_what_it_did(start, amqp_url, database_url, wait_for) -> None:
    def committed() -> int:
        return rows(database_url, "SELECT sum(audit_number) FROM partitions")[0][0]

    with FaultyServer(price) as server:
        at_server = {"QUOTE_SERVER": server.setting, "QUOTE_COST_CENTS": "7"}
        quotecache, transactions = start("quotecache", **at_server), start("transactions")
        triggers, audit = start("triggers"), start("audit")
        workers = quotecache, transactions, triggers, audit
        wait_for(lambda: all(worker.ready() for worker in workers), what="workers that are ready")
        publish(amqp_url, "ann", COMMANDS)
        done = {("command", "done"): 5, ("command", "rejected"): 1, ("fill", "done"): 1, ("expiry", "done"): 0}
        wait_for(
            lambda: transactions.values("daytrade_commands_total") == done,
            8,
            what=lambda: transactions.get("/metrics")[1] + str(server.hits),
        )
        wait_for(lambda: audit.value("daytrade_audit_entries_total") == committed(), what="the entries")
        assert len(server.hits) == 2
    assert transactions.value("daytrade_batch_rows_sum") == 7
    assert transactions.value("daytrade_publish_to_commit_seconds_count") == 7
    assert transactions.value("daytrade_publish_to_commit_seconds_sum") > 6 * PUBLISHED_BEFORE_MS / 1_000
    assert transactions.value("daytrade_dead_letters_total") == 1
    assert transactions.values("daytrade_takeovers_total") == {("transactions",): 16}
    assert transactions.values("daytrade_partitions_owned") == {("transactions",): 16}
    wait_for(lambda: set(transactions.values("daytrade_lag_seconds").values()) == {0}, what="no lag")
    wait_for(lambda: transactions.value("daytrade_parked_users") == 0, what="nobody who waits")
    wait_for(lambda: triggers.value("daytrade_fires_total") == 1, what="the fill's confirm")
    assert quotecache.value("daytrade_quote_paid_total") == 2
    assert quotecache.value("daytrade_quote_cost_cents_total") == 14
    wait_for(lambda: quotecache.value("daytrade_quote_refreshes_left") == 599, what="a refresh within the budget")
    for worker in workers:
        assert worker.value("daytrade_pool_connections") >= 1
        assert worker.value("process_resident_memory_bytes") > 1e7


@pytest.mark.parametrize("server", ["DATABASE_URL", "AMQP_URL"])
def test_a_worker_is_not_ready_while_a_server_does_not_answer(server, start, environment, wait_for) -> None:
    relay = Relay(environment[server])
    try:
        worker = start("triggers", **{server: relay.url})
        wait_for(worker.ready, what="a worker that is ready")
        relay.mute = True
        lacks = "database" if server == "DATABASE_URL" else "broker"
        wait_for(lambda: lacks in worker.lacking(), what="a worker that is not ready")
        assert worker.get("/healthz")[0] == 200, "nobody restarts a process because a server is away"
        relay.mute = False
        relay.cut()
        wait_for(worker.ready, what="a worker that is ready again")
        assert sum(worker.values("daytrade_sessions_lost_total").values()) >= 1
    finally:
        relay.close()


@pytest.mark.parametrize(
    ("kind", "figure"), [("web", "daytrade_web_requests_total"), ("live", "daytrade_live_streams")]
)
def test_a_process_of_the_site_is_ready_only_with_both_servers(kind, figure, start, environment, wait_for) -> None:
    relay = Relay(environment["DATABASE_URL"])
    ports = {name: str(processes.free_port()) for name in ("WEB_PORT", "LIVE_PORT")}
    site = Endpoint(int(ports[f"{kind.upper()}_PORT"]))
    try:
        secret = {"SECRET_KEY": "a secret of the tests, of no use elsewhere"}
        process = start(kind, DATABASE_URL=relay.url, WEB_HOST="127.0.0.1", **ports, **secret)
        wait_for(process.ready, what="a process that is ready")
        assert site.get("/healthz")[0] == 200
        assert site.get("/metrics")[0] == 404, "strangers reach this port"
        assert sum(process.values(figure).values()) == (2 if kind == "web" else 0)
        relay.refusing = True
        relay.cut()
        wait_for(lambda: process.lacking() == {"database"}, what="a process that is not ready")
    finally:
        relay.close()
