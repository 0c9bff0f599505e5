"""Dead letters without a publisher's name: those from before names may be published again, and forged ones may not."""

from contextlib import closing

import psycopg
from msgspec.structs import replace

from consumers.transactions.worker import TransactionWorker
from database import postgres
from operators import dead_letter_verbs
from rabbitmq.connection import Connection, open_connection
from rabbitmq.publisher import Outgoing, Publisher
from rabbitmq.rights import url_for
from rabbitmq.roles import BrokerRole
from rabbitmq.topology import COMMANDS_EXCHANGE, command_stream
from schema.codec import encode
from schema.commands import VERSION, CommandBatch, CommandName, command_id, partition_of
from tests.builders import a_command

STREAM = command_stream(partition_of("ann"))


def _body(number: int) -> bytes:
    command = replace(a_command(CommandName.ADD, 100, number=number), command_id=command_id(7, number))
    return encode(CommandBatch(VERSION, 1, [command]))


def test_a_command_from_before_names_is_published_again_and_executed_and_a_later_one_is_forged(
    amqp_url, database_url, monkeypatch, capsys
) -> None:
    with (
        closing(open_connection(url_for(BrokerRole.WEB, amqp_url), "old version")) as web,
        closing(open_connection(url_for(BrokerRole.TRANSACTIONS, amqp_url), "worker")) as broker,
        psycopg.connect(database_url, autocommit=True) as looking,
        postgres.connect(database_url, "worker") as connection,
    ):

        def counts() -> tuple[int, ...]:
            query = "SELECT (SELECT count(*) FROM dead_letters), (SELECT count(*) FROM history)"
            return looking.execute(query).fetchone()

        def work_until(letters: int, rows: int) -> None:
            TransactionWorker(broker, connection, "worker", {}).run(lambda: counts() == (letters, rows))

        _publish_without_name(web, 1)
        Publisher(web).publish(Outgoing(COMMANDS_EXCHANGE, STREAM, _body(2)))
        _publish_without_name(web, 3)
        work_until(2, 1)

        monkeypatch.setenv("AMQP_URL", url_for(BrokerRole.OPERATOR, amqp_url))
        monkeypatch.setenv("DATABASE_URL", database_url)
        capsys.readouterr()
        assert dead_letter_verbs.requeue(everything=True, yes=True) == 1
        told = capsys.readouterr()
        assert told.out == "0 requeued\n" and told.err.count("names no publisher") == 2
        assert dead_letter_verbs.requeue(everything=True, yes=True, unnamed=True) == 1
        told = capsys.readouterr()
        assert (
            told.out == "1 requeued\n"
            and "commands.03/2 is forged: it can only be discarded".replace("commands.03", STREAM) in told.err
        )
        work_until(1, 2)
        done = looking.execute("SELECT command_id FROM history ORDER BY command_id").fetchall()
        assert [bytes(one) for (one,) in done] == [command_id(7, 1), command_id(7, 2)]


def _publish_without_name(broker: Connection, number: int) -> None:
    channel = broker.channel()
    channel.confirm_delivery()
    channel.basic_publish(COMMANDS_EXCHANGE, STREAM, _body(number))
    channel.close()
