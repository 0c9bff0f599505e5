"""Topology in RabbitMQ for one test after another: declared once, then emptied for each test. Holds no test.

Making a stream anew costs the broker some 15 ms of CPU time, and there are 17. So a consumer shows which streams have
got messages, and only these are made anew.
"""

from pika.adapters.blocking_connection import BlockingChannel

from rabbitmq.connection import Connection, open_connection, translated
from rabbitmq.dead_letters import earlier_queue
from rabbitmq.declare import declare
from rabbitmq.topology import QUEUES
from schema.errors import BrokerError


class EmptiedVhost:
    """Vhost of one process of the tests. Its consumer keeps watching the streams while a test runs."""

    def __init__(self, amqp_url: str):
        self._url = amqp_url
        self._connection: Connection | None = None
        self._watcher: BlockingChannel
        self._unused: set[str] = set()
        """Streams that were empty when their consumer began, and that have had neither message nor end since."""

    def taken(self) -> str:
        """Returns the URL of the vhost, whose topology is declared and empty."""
        try:
            with translated():
                if self._connection is None:
                    self._make_anew()
                else:
                    self._empty(self._connection)
        except BrokerError:  # a test stopped the broker, for instance, or took longer than a heartbeat
            self._make_anew()
        return self._url

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _make_anew(self) -> None:
        self.close()
        self._connection = open_connection(self._url, "tests")
        declare(self._connection, fresh=True)
        self._unused.clear()
        self._watcher = self._connection.channel()
        self._watcher.basic_qos(prefetch_count=1)
        self._watcher.add_on_cancel_callback(lambda frame: self._unused.discard(frame.method.consumer_tag))
        self._watch()

    def _empty(self, connection: Connection) -> None:
        # The answer comes behind the deliveries of all messages that the broker has confirmed so far.
        self._watcher.basic_qos(prefetch_count=1)
        connection.pump(0)
        channel = connection.channel()
        channel.queue_delete(earlier_queue.QUEUE)
        for queue in QUEUES:
            if queue.name not in self._unused:
                channel.queue_delete(queue.name)
                channel.queue_declare(queue.name, durable=True, arguments=queue.arguments)
                for exchange in queue.bound_to:
                    channel.queue_bind(queue.name, exchange, queue.name)
        channel.close()
        connection.pump(0)  # the ends of the consumers of deleted streams
        self._watch()

    def _watch(self) -> None:
        """Begins to watch the streams that were made anew. Each consumer is named after its stream."""
        for queue in QUEUES:
            if queue.arguments.get("x-queue-type") == "stream" and queue.name not in self._unused:
                self._unused.add(queue.name)
                self._watcher.basic_consume(
                    queue.name,
                    lambda _channel, method, *_: self._unused.discard(method.consumer_tag),
                    consumer_tag=queue.name,
                    arguments={"x-stream-offset": "first"},
                )
