"""`python -m rabbitmq.declare [--fresh|--remove]`: declares the topology. Idempotent; `--fresh` empties it first.

Where an earlier version kept dead letters in a queue, they are moved into the database, or with an option deleted.
"""

import argparse
import os
import sys

from rabbitmq.connection import Connection, open_connection, translated
from rabbitmq.dead_letters import earlier_queue
from rabbitmq.topology import EXCHANGES, QUEUES
from runtime import entry_point
from schema.errors import DayTradeError, SettingsError


def declare(connection: Connection, fresh: bool = False) -> None:
    """Makes every exchange and queue exist; with `fresh`, without any message. Raises BrokerError."""
    channel = connection.channel()
    with translated():
        for exchange, kind in EXCHANGES.items():
            channel.exchange_declare(exchange, kind, durable=True)
        for queue in QUEUES:
            if fresh:
                channel.queue_delete(queue.name)
            channel.queue_declare(queue.name, durable=True, arguments=queue.arguments)
            if queue.bound_to:
                channel.queue_bind(queue.name, queue.bound_to)
        if fresh:
            channel.queue_delete(earlier_queue.QUEUE)
        channel.close()


def remove(connection: Connection) -> None:
    """Deletes every queue with what is in it. Raises BrokerError."""
    channel = connection.channel()
    with translated():
        for queue in QUEUES:
            channel.queue_delete(queue.name)
        channel.queue_delete(earlier_queue.QUEUE)
        channel.close()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m rabbitmq.declare", description="Declare exchanges and queues.")
    parser.add_argument("--fresh", action="store_true", help="delete all queues first, with what is in them")
    parser.add_argument("--remove", action="store_true", help="delete all queues, and declare nothing")
    asked = parser.parse_args()
    try:
        url = os.environ.get("AMQP_URL")
        if not url:
            raise SettingsError("AMQP_URL is not set: run `export $(make env)`")
        connection = open_connection(url, "declare")
        moved = 0
        if asked.remove:
            remove(connection)
        else:
            declare(connection, asked.fresh)
            moved = earlier_queue.move(connection, os.environ.get("DATABASE_URL"))
        connection.close()
    except DayTradeError as error:
        print(f"declare: {error}", file=sys.stderr)
        return 1
    if moved:
        print(f"{moved:,} dead letters of an earlier version were moved from their queue into the database")
    return 0


if __name__ == "__main__":
    entry_point.run("declare", main)
