"""Figures of a run's dumps, read from the database: how many are in each state, and why one has no file."""

from dataclasses import dataclass

from database.retrying import RetryingDatabase
from loadtest.run import Run
from schema.commands import NO_USER
from schema.outcomes import DumpState

UNWRITTEN_MAX = 100
"""Maximum number of dumps without a file that the report's JSON lists; its counts include all of them."""

WITHOUT_FILE = (DumpState.FAILED, DumpState.WAITING)


@dataclass(frozen=True)
class Unwritten:
    """A DUMPLOG that was done but has no file; its `state` is failed or waiting."""

    transaction_number: int
    user: str | None
    filename: str | None
    state: DumpState
    reason: str | None

    def sentence(self) -> str:
        """Says in one sentence what happened to the dump."""
        if self.filename is None:
            return f"the dump that transaction {self.transaction_number} asked for is not in the log"
        name = f"dump {self.filename} of {self.user or 'all users'} (transaction {self.transaction_number})"
        if self.state is DumpState.FAILED:
            return f"{name} was not written: {self.reason}"
        return f"{name} is not written yet: {self.reason or 'no attempt to write it has ended'}"


def counts(database: RetryingDatabase, run: Run) -> dict[str, int]:
    """Counts the run's dumps by state."""
    found = dict(map(tuple, database.rows(f"SELECT state, count(*) {_DUMPS} GROUP BY 1", **run.ids)))
    return {state.value: found.get(state.value, 0) for state in DumpState}


def unwritten(database: RetryingDatabase, run: Run, most: int = UNWRITTEN_MAX) -> list[Unwritten]:
    """Returns the first `most` of the run's failed or waiting dumps, in workload order, without replaced dumps."""
    rows = database.rows(_UNWRITTEN, without_file=[state.value for state in WITHOUT_FILE], most=most, **run.ids)
    return [
        Unwritten(number, None if user == NO_USER else user, filename, DumpState(state), failure)
        for number, user, filename, state, failure in rows
    ]


_DUMPS = """
    FROM (
        SELECT command_id, transaction_number, h.user_id, filename, coalesce(state::text, 'waiting') AS state, failure
        FROM history AS h LEFT JOIN dumps AS d ON d.dump_id = encode(h.command_id, 'hex')
        WHERE command = 'DUMPLOG' AND kind = 'command' AND outcome = 'done' AND command_id BETWEEN :low AND :high
    ) AS asked"""

_UNWRITTEN = f"""
    SELECT transaction_number, user_id, filename, state, failure {_DUMPS}
    WHERE state = ANY(:without_file) ORDER BY command_id LIMIT :most"""
