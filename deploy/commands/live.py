"""Start of the live profile: servers, database, topology, workers; and the figures that `make status` shows of it."""

from deploy.servers import servers
from deploy.stack.profiles import LIVE, urls_of
from deploy.stack.progress import progress
from deploy.stack.record import Record
from deploy.supervision import modules, workers
from schema.grants import DatabaseRole


def bring_up(record: Record, replicas: int) -> bool:
    """Starts servers and workers of the live profile. Returns False if a worker does not stay up."""
    servers.start(record)
    urls = urls_of(record, LIVE)
    with progress("Updating the database and the topology"):
        servers.ensure_database(record, LIVE)
        modules.run_quietly(urls, "operators", "migrate")
        modules.run_quietly(urls, "operators", "declare")
        modules.run_quietly(urls, "operators", "check-streams")
    with progress("Starting the workers"):
        workers.start(record, LIVE, urls, replicas)
        record.begun(LIVE)
        return workers.wait_until_up(record, LIVE)


def figures(record: Record) -> str:
    """Returns, as text, what today's quotes cost and which alarms the live profile has."""
    urls = urls_of(record, LIVE).of_role(DatabaseRole.READER)
    return modules.output(urls, ("operators", "quotes-today"), ("operators", "alarms"))
