"""A stopped source whose messages retention drops before they can be read again."""

from collections.abc import Iterator

import pytest

from rabbitmq.lengths import oldest_offset
from rabbitmq.topology import AUDIT_EXCHANGE, AUDIT_STREAM
from tests.integration.audit_harness import AuditLog, command, commands, marker

SEGMENT_BYTES = 100_000
DUMP = "0a" * 16


@pytest.fixture
def audit(amqp_url, database_url, tmp_path) -> Iterator[AuditLog]:
    """Audit log on a stream that holds a few hundred kB at most."""
    log = AuditLog(amqp_url, database_url, tmp_path / "dumps")
    limits = {"x-max-length-bytes": 2 * SEGMENT_BYTES, "x-stream-max-segment-size-bytes": SEGMENT_BYTES}
    channel = log.connection.channel()
    channel.queue_delete(AUDIT_STREAM)
    channel.queue_declare(AUDIT_STREAM, durable=True, arguments={"x-queue-type": "stream", **limits})
    channel.queue_bind(AUDIT_STREAM, AUDIT_EXCHANGE)
    channel.close()
    yield log
    log.close()


def test_a_stop_older_than_the_stream_lasts_and_delays_no_other_source(audit, wait_for):
    """A worker that tried to read on from the stop's offset would end at each start, and store no source's entries."""
    audit.database.execute("ALTER TABLE audit_events ADD CONSTRAINT odd CHECK (transaction_number <> 13)")
    audit.publish(3, 1, commands(11, 14))
    process = audit.start()
    wait_for(audit.stops)
    stored = 0
    while oldest_offset(audit.connection, AUDIT_STREAM) == 0:
        for _ in range(5):
            audit.publish(4, 1 + stored, commands(1_001 + stored, 1_500 + stored))
            stored += 500
        wait_for(lambda stored=stored: audit.stored(4) == stored)
    audit.publish(3, 5, commands(15, 16))
    audit.publish(5, 1, commands(1, 1))
    wait_for(lambda: audit.stored(5) == 1)
    process.kill()
    process.wait()
    audit.database.execute("ALTER TABLE audit_events DROP CONSTRAINT odd")

    process = audit.start()
    audit.publish(5, 2, [command(2), marker(DUMP, 3, "whole")])
    audit.publish(3, 7, [marker(DUMP, 17, "whole")])
    wait_for(lambda: audit.stored(5) == 3 or process.poll() is not None)
    assert process.poll() is None
    assert [(source, number) for source, number, _ in audit.stops()] == [(3, 3)]
    assert "retention has dropped it" in audit.stops()[0][2]
    wait_for(lambda: audit.state(DUMP) == "failed")

    # A person publishes a kept copy of the entry: the worker reads the rest again from the stream's present beginning.
    audit.forge(3, 3, commands(13, 14))
    wait_for(lambda: audit.stored(3) == 7 or process.poll() is not None)
    assert process.poll() is None
    assert audit.transactions(3) == [11, 12, 13, 14, 15, 16, 17]
    wait_for(lambda: audit.stops() == [])
