"""RabbitMQ and Postgres as targets of faults.

Only servers that deploy's supervisor runs for this checkout, and restarts, are targets. A server that was given by its
address is never touched.
"""

import os
import signal

from sqlalchemy.engine import make_url

from deploy.servers import database
from deploy.servers.private import POSTGRES, RABBITMQ
from deploy.stack import record as stack
from deploy.supervision import readiness, supervisor

GENTLY = {RABBITMQ: signal.SIGTERM, POSTGRES: signal.SIGINT}
"""Signals for a clean stop; for Postgres it is a fast shutdown."""


class Servers:
    def __init__(self, amqp_url: str, database_url: str):
        self._record = stack.load()
        ports = {RABBITMQ: make_url(amqp_url).port, POSTGRES: make_url(database_url).port}
        known = self._record.ports
        self.are_own = (
            self._record.kind == stack.PRIVATE
            and ports == {RABBITMQ: known.get("amqp"), POSTGRES: known.get("postgres")}
            and supervisor.running(self._record)
        )
        self._amqp_url, self._database_url = amqp_url, database_url

    def end(self, server: str, gently: bool) -> bool:
        """Stops or kills the server; its supervisor restarts it. Returns False if the server does not run."""
        assert self.are_own
        pid = supervisor.processes(self._record)[server]["pid"]
        if not pid:
            return False
        try:
            os.kill(pid, GENTLY[server] if gently else signal.SIGKILL)
        except ProcessLookupError:
            return False
        return True

    def stop(self, server: str) -> None:
        """Stops the server cleanly; it stays stopped until `look` is called."""
        assert self.are_own
        supervisor.stop_program(self._record, server)

    def answers(self, server: str) -> bool:
        """Whether the server accepts clients."""
        if server == POSTGRES:
            return database.answers(self._database_url)
        return readiness.amqp_answers(self._amqp_url)

    def look(self) -> None:
        """Starts servers that the supervisor has given up."""
        if self.are_own:
            for server in (RABBITMQ, POSTGRES):
                if supervisor.processes(self._record)[server]["statename"] in ("FATAL", "STOPPED", "EXITED"):
                    supervisor.start_program(self._record, server)
