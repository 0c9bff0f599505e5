"""Whole replay: reads streams and record partition by partition, writes a fresh database, and compares the states.

Wiring only: decides nothing, prints nothing.
"""

import hashlib
import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass

from consumers.transactions.batch import Batch
from consumers.transactions.replay.findings import Findings
from consumers.transactions.replay.fresh import Fresh, recreate
from consumers.transactions.replay.log import PartitionLog, UserLog, read_log
from consumers.transactions.replay.recorded import LogProgress, RecordedHistory
from consumers.transactions.replay.rerun import Rerun
from rabbitmq.connection import Connection
from rabbitmq.lengths import PATIENCE_SECONDS, newest_offsets
from rabbitmq.stream_reader import read
from rabbitmq.topology import command_stream
from verification import exports

BATCH_ROWS_MAX = 10_000
"""Rows of one transaction. More than the live worker's, because no heartbeat has to be in time here."""

States = Mapping[str, Mapping[str, object]]
"""Exported accounts by user (`verification.exports.state`)."""

Progress = Callable[[int, int], None]
"""Function that replay calls now and then with the number of rows recomputed so far, and of all rows."""


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """Result of a replay. `difference`: the first account and field that differ; empty if the hashes are equal."""

    live_hash: str
    rebuilt_hash: str
    difference: str
    findings: Findings

    @property
    def equal(self) -> bool:
        return self.live_hash == self.rebuilt_hash

    @property
    def passed(self) -> bool:
        return self.equal and not self.findings.violations


def replay(broker: Connection, database_url: str, progress: Progress) -> ReplayResult:
    """Replays all partitions, and compares both states. Raises BrokerError, StoreError, psycopg.Error.

    The database of the last replay is dropped once the record and the streams' ends are read.
    """
    with closing(RecordedHistory(database_url)) as recorded:
        progress_of, total = recorded.progress(), recorded.count_rows()
        live = exports.state(recorded.connection)
        # The streams' ends are read after the snapshot was taken, so that the streams hold all that the snapshot has.
        touched = {command_stream(n): done.high_offset for n, done in progress_of.items() if done.high_offset >= 0}
        streams = map(command_stream, progress_of)
        newest = newest_offsets(broker, streams, awaited=touched, patience_seconds=PATIENCE_SECONDS)
        recreate(database_url)
        findings = Findings()
        users = recorded.users()
        with closing(Fresh(database_url)) as fresh:
            for partition, done in sorted(progress_of.items()):
                stream = command_stream(partition)
                log = read_log(partition, read(broker, stream, max(newest[stream], done.high_offset)))
                findings.undecodable += log.undecodable
                findings.duplicates += log.duplicates
                partial = _Partition(partition, done, log, findings, fresh)
                for rows_done in partial.rerun(recorded, users.get(partition, [])):
                    progress(rows_done, total)
                fresh.finish(partition, done)
            rebuilt = exports.state(fresh.connection)
    return ReplayResult(_hash(live), _hash(rebuilt), _first_difference(live, rebuilt), findings)


class _Partition:
    """Rerun of one partition's users, one after the other."""

    def __init__(self, partition: int, progress: LogProgress, log: PartitionLog, findings: Findings, fresh: Fresh):
        self._partition = partition
        self._progress = progress
        self._log = log
        self._findings = findings
        self._fresh = fresh
        self._batch = Batch()

    def rerun(self, recorded: RecordedHistory, users: list[str]) -> Iterator[int]:
        """Reruns these users, then those who occur only in the stream. Yields the number of rows recomputed so far."""
        for user, rows in itertools.groupby(recorded.rows(users), lambda row: row.user):
            run = self._begin(user)
            for row in rows:
                run.step(self._batch, row)
                if len(self._batch.rows) >= BATCH_ROWS_MAX:
                    yield self._write()
            run.finish()
        for user in list(self._log.users):  # users who occur only in the stream
            self._begin(user).finish()
        yield self._write()

    def _begin(self, user: str) -> Rerun:
        log = self._log.users.pop(user, None) or UserLog()
        return Rerun(user, log, self._progress, self._partition, self._findings)

    def _write(self) -> int:
        if self._batch.rows:
            self._fresh.write(self._partition, self._batch)
            self._batch = Batch()
        return self._findings.rows


def _hash(state: Mapping[str, object]) -> str:
    """SHA-256 of a state, as `make state` computes it."""
    return hashlib.sha256(exports.canonical(state) + b"\n").hexdigest()


def _first_difference(live: States, rebuilt: States) -> str:
    for user in sorted(live.keys() | rebuilt.keys()):
        here, there = live.get(user), rebuilt.get(user)
        if here is None or there is None:
            return f"{user} has an account only {'in the replay' if here is None else 'live'}"
        for what in here:
            if here[what] != there[what]:
                return f"{user}: {what} is {_text(here[what])} live, {_text(there[what])} replayed"
    return ""


def _text(value: object) -> str:
    text = exports.canonical(value).decode()
    return text if len(text) <= 200 else f"{text[:200]}…"
