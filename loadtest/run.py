"""Identity of a load test: its ids in the history, and the state of the database before it. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from producers.workload_reader import TEXT_SHOWN_MAX, Unreadable
from schema.bounds import INT64_MAX
from schema.commands import command_id

assert TEXT_SHOWN_MAX < 100, "unreadable lines are shown in a table"


@dataclass(frozen=True)
class Baseline:
    """State of the database before the run, to subtract from the state after it."""

    history_rows: int
    quote_id: int
    next_offsets: Mapping[int, int]
    """Partition → next offset of its log."""
    stored: Mapping[int, int]
    """Source → number of its newest stored audit entry."""


@dataclass
class Run:
    """A load test under way. Times are the driver's clock, ms since the epoch."""

    source: int
    workload: str
    baseline: Baseline
    started_at_ms: int = 0
    """Time just before the first publish."""
    published: int = 0
    """Number of commands published, the held-back DUMPLOG included."""
    slowed_seconds: float = 0.0
    """Time during which the driver published nothing because the workers had a long backlog."""
    published_at_ms: int = 0
    """Time of the last confirm before the held-back DUMPLOG, which the driver delays on purpose."""
    executed_at_ms: int = 0
    audited_at_ms: int = 0
    """Time at which the driver noticed that all entries were stored, a little late, like `executed_at_ms`. The report
    prefers the database's own times."""
    unreadable: int = 0
    unreadable_shown: list[Unreadable] = field(default_factory=list)
    input_fault: str | None = None
    """Reason why the workload could not be read to its end; None if it could."""
    audit_targets: Mapping[int, int] = field(default_factory=dict)
    """Source → number of its newest audit entry when everything was executed."""
    triggers_unsettled: int = 0
    cpu_seconds: Mapping[str, float] = field(default_factory=dict)
    """CPU seconds of each process from the first publish to the last audit row; empty if the processes are unknown."""

    @property
    def ids(self) -> dict[str, bytes]:
        """Bounds of the run's command ids, as query parameters."""
        return {"low": command_id(self.source, 0), "high": command_id(self.source, INT64_MAX)}
