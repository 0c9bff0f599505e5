"""Check that the broker still holds what the workers on a database have read from it."""

from operators import given_servers
from ownership import partitions
from rabbitmq.lengths import check_reach
from rabbitmq.topology import AUDIT_STREAM, command_stream
from schema.errors import BrokerError, LogGap


def require() -> None:
    """Makes sure that every stream reaches the offset that is to be read next. Raises LogGap, BrokerError, StoreError.

    Otherwise the workers would wait for these offsets, and people's commands would wait with them.
    """
    with given_servers.database("check-streams") as database:
        audit = partitions.next_offsets(database, "audit")
        commands = partitions.next_offsets(database, "transactions")
    streams = {command_stream(partition): offset for partition, offset in commands.items()}
    with given_servers.broker("check-streams") as broker:
        try:
            check_reach(broker, streams | {AUDIT_STREAM: audit[0]})
        except (BrokerError, LogGap) as error:
            raise LogGap(
                f"{error}. If the broker's data were removed or replaced, put them back, or begin anew with both the"
                " broker and the database empty (in a checkout: `make clean`)"
            ) from error
