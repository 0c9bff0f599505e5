"""Whether the transactions' partitions are spread evenly over the workers that are meant to run, by the database.

Reads only. How long it may take until they are, is said in plan.py.
"""

from collections.abc import Generator, Iterable
from time import monotonic

from schema.commands import PARTITIONS
from tests.chaos.eye import Eye
from tests.chaos.fleet import Fleet
from tests.chaos.patience import Deadline

GROUP = "transactions"

SECONDS_MAX = 60.0
"""For workers to come, or to leave, and for partitions to be even: longer, and they never will be."""


class Evenness:
    def __init__(self, eye: Eye, fleet: Fleet):
        self._eye, self._fleet = eye, fleet

    def even(self) -> bool:
        """Whether each worker that is meant to run owns its share, and no partition is anybody else's, or nobody's."""
        shares = dict(self._eye.glance(_SHARES) or ())
        owned = sum(shares.values()) == PARTITIONS and self._are_meant(shares)
        return owned and max(shares.values()) - min(shares.values()) <= 1

    def course(self) -> Generator[None, None, float]:
        """Until it is even again after a change of the workers; raises Stuck where that does not come.

        Returns how many seconds it took: since those that are meant to run, and no others, are live replicas.
        """
        deadline = Deadline(SECONDS_MAX, f"partitions are even over {self._fleet.running(GROUP)}")
        while not self._are_meant(replica for (replica,) in self._eye.glance(_LIVE) or ()):
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
