"""Checks that the transaction partitions are spread evenly over the workers that should run, as the database says.

Reads only. plan.py gives the time limit.
"""

from collections.abc import Generator, Iterable
from time import monotonic

from schema.commands import PARTITIONS
from tests.chaos.database_view import DatabaseView
from tests.chaos.deadline import Deadline
from tests.chaos.fleet import Fleet

GROUP = "transactions"

SECONDS_MAX = 60.0
"""Longest wait until the right workers run and share the partitions evenly. After it the round counts as stuck."""


class Evenness:
    def __init__(self, database: DatabaseView, fleet: Fleet):
        self._database, self._fleet = database, fleet

    def even(self) -> bool:
        """Whether the workers that should run own all partitions, in numbers that differ by one at most."""
        shares = dict(self._database.rows_or_none(_SHARES) or ())
        owned = sum(shares.values()) == PARTITIONS and self._are_meant(shares)
        return owned and max(shares.values()) - min(shares.values()) <= 1

    def course(self) -> Generator[None, None, float]:
        """Waits until a changed number of workers share the partitions evenly. Raises Stuck if that takes too long.

        Returns the seconds it took, counted from when exactly the workers that should run are live replicas.
        """
        deadline = Deadline(SECONDS_MAX, f"partitions are even over {self._fleet.running(GROUP)}")
        while not self._are_meant(replica for (replica,) in self._database.rows_or_none(_LIVE) or ()):
            deadline.check()
            yield
        began = monotonic()
        while not self.even():
            deadline.check()
            yield
        return monotonic() - began

    def _are_meant(self, replicas: Iterable[str]) -> bool:
        return {replica.partition("@")[0] for replica in replicas} == set(self._fleet.running(GROUP))


_SHARES = f"""
    SELECT owner, count(*) FROM partitions
    WHERE consumer_group = '{GROUP}' AND lease_until > clock_timestamp() GROUP BY owner"""

_LIVE = f"SELECT replica FROM replicas WHERE consumer_group = '{GROUP}' AND live_until > clock_timestamp()"
