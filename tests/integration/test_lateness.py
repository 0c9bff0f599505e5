"""Orders that became due while all workers were stopped expire at the next start; that does not count as late."""

import psycopg
import pytest

from consumers.transactions.worker import TransactionWorker
from database import postgres
from rabbitmq.connection import open_connection
from verification.order_passes import LATE
from verification.verification import verify

STOPPED_MS = 300_000
"""Time for which the workers have been stopped, while orders were pending."""

LONG_AGO = (
    f"UPDATE history SET at_ms = at_ms - {STOPPED_MS}",
    f"UPDATE pending_orders SET expires_at_ms = expires_at_ms - {STOPPED_MS}",
    f"""UPDATE ownership_spans SET owned_from = owned_from - interval '{STOPPED_MS} ms',
            owned_until = owned_until - interval '{STOPPED_MS} ms'""",
    "UPDATE partitions SET next_offset = 0, high_offset = -1, clock_ms = 0",  # the streams of a test are empty
)
OWNED_ALL_THE_TIME = "UPDATE ownership_spans SET owned_until = now()"


@pytest.fixture
def broker(amqp_url):
    connection = open_connection(amqp_url, "test")
    yield connection
    connection.close()


@pytest.mark.parametrize(("spoil", "late"), [((), False), ((OWNED_ALL_THE_TIME,), True)], ids=["stopped", "owned"])
def test_an_order_that_expires_at_the_next_start_is_late_only_if_somebody_owned_its_partition(
    finished, broker, spoil: tuple[str, ...], late: bool
):
    with finished.copied() as url, psycopg.connect(url, autocommit=True) as connection:
        for statement in (*LONG_AGO, *spoil):
            connection.execute(statement)
        pending = "SELECT count(*) FROM pending_orders"
        (count,) = connection.execute(pending).fetchone()
        assert count > 0
        turns = iter(range(1_000))
        with postgres.connect(url, "worker") as of_worker:
            session = TransactionWorker(broker, of_worker, "worker", {})
            session.run(lambda: connection.execute(pending).fetchone() == (0,) or next(turns, None) is None)
        (found,) = [one for one in verify(url).findings if one.sentence == LATE]
    assert found.violations == (count if late else 0)
    assert ("its partition was owned for" in found.first) == late
    assert (f"{count} expiries came later, while nobody owned the partition" in found.note) != late
