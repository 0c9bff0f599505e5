"""What a load test is about: its ids in the history, and where everything stood before it began. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from producers.workload_reader import TEXT_SHOWN_MAX, Unreadable
from schema.bounds import INT64_MAX
from schema.commands import command_id

assert TEXT_SHOWN_MAX < 100, "unreadable lines are shown in a table"


@dataclass(frozen=True)
class Baseline:
    """What was in the database before the run: none of it is the run's."""

    history_rows: int
    quote_id: int
    positions: Mapping[int, int]
    """Partition → position in its log."""
    stored: Mapping[int, int]
    """Source → number of its newest stored audit entry."""


@dataclass
class Run:
    """A load test under way. Times are our clock, ms since the epoch."""

    source: int
    workload: str
    baseline: Baseline
    started_at_ms: int = 0
    """Just before the first publish."""
    published: int = 0
    """Commands published, the held-back DUMPLOG included."""
    published_at_ms: int = 0
    """The last confirm; of a DUMPLOG that was held back on purpose it says nothing, so that is not counted."""
    executed_at_ms: int = 0
    audited_at_ms: int = 0
    """As the driver saw it: later than it was. The report prefers the database's own times."""
    unreadable: int = 0
    unreadable_shown: list[Unreadable] = field(default_factory=list)
    input_fault: str | None = None
    """Why the workload could not be read to its end."""
    audit_targets: Mapping[int, int] = field(default_factory=dict)
    """Source → number of its newest audit entry when everything was executed."""
    triggers_unsettled: int = 0

    @property
    def ids(self) -> dict[str, bytes]:
        """Bounds of the run's command ids, as query parameters."""
        return {"low": command_id(self.source, 0), "high": command_id(self.source, INT64_MAX)}
