"""`python -m rabbitmq.declare [--fresh|--remove]`: declares the topology. Idempotent; `--fresh` empties it first."""

import argparse
import os
import sys

from rabbitmq.connection import Connection, open_connection, translated
from rabbitmq.topology import EXCHANGES, QUEUES
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
        channel.close()


def remove(connection: Connection) -> None:
    """Deletes every queue with what is in it. Raises BrokerError."""
    channel = connection.channel()
    with translated():
        for queue in QUEUES:
            channel.queue_delete(queue.name)
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
        if asked.remove:
            remove(connection)
        else:
            declare(connection, asked.fresh)
        connection.close()
    except DayTradeError as error:
        print(f"declare: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
