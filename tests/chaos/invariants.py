"""What must hold after a round, judged from the database, the dump, the streams and what the quote server said.

Nothing here imports what it judges; `consumers.verification`, which is as independent, is asked for all that a
database alone can tell.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from producers.workload_reader import Unreadable, read_workload
from schema.commands import PARTITIONS, command_id
from schema.money import format_cents
from tests.chaos.dump_check import differences
from tests.chaos.evidence import Evidence
from tests.chaos.eye import Eye
from tests.chaos.links import ROOT
from tests.chaos.plan import limit_seconds
from tests.chaos.recovery import Strike

LATE_MS_MAX = 5_000
VERIFY_SECONDS_MAX = 120


@dataclass
class Case:
    """A round that is over, as its judges need it. `source` is the workload's, `source` + 1 that of `probes`.

    `limited`: recovery is held against its limits; otherwise it only has to come.
    """

    database_url: str
    folder: Path
    workload: Path
    source: int
    commands: int
    answers_file: Path
    probes: int = 0
    outages_ms: list[tuple[int, int]] = field(default_factory=list)
    limited: bool = True
    deaths: list[str] = field(default_factory=list)

    @property
    def ids(self) -> dict[str, bytes]:
        """Bounds of the workload's command ids."""
        return {"low": command_id(self.source, 0), "high": command_id(self.source, 2**63 - 1)}

    @property
    def dump_id(self) -> str:
        return command_id(self.source, self.commands).hex()

    @property
    def dump_file(self) -> Path:
        return self.folder / "dumps" / "testLOG"


def judge(eye: Eye, case: Case, evidence: Evidence, strikes: list[Strike]) -> dict[str, list[str]]:
    """Invariant → what violates it."""
    return {
        "every confirmed command is done exactly once": _once(eye, case),
        "a user's commands take effect in their order": _in_order(eye),
        "every source of the log is gapless, once, complete": _gapless(eye),
        "every price used was really answered": _prices(eye, case),
        "no reserve outlives its order by more than 5 s": _late(eye, case),
        "poison is in dead-letters, and nothing else": _poison(evidence),
        "the dump is exactly the log": differences(eye, case.dump_id, case.dump_file),
        "verification finds nothing": _verify(case),
        "no process ends by itself": case.deaths,
        "recovery takes no longer than it may": _slow(strikes, case.limited),
    }


def figures(eye: Eye) -> dict[str, int]:
    """For people: how much there was to be judged."""
    ((rows, fills, expiries),) = eye.rows(_FIGURES)
    return {"history rows": rows, "fills": fills, "expiries": expiries}


def _once(eye: Eye, case: Case) -> list[str]:
    wanted = {line.command_id for line in read_workload(case.workload, case.source) if not isinstance(line, Unreadable)}
    wanted |= {command_id(case.source + 1, number) for number in range(1, case.probes + 1)}
    counts = dict(eye.rows(_COUNTS))
    found = [f"{_name(case, one)} is not in the history" for one in sorted(wanted) if one not in counts]
    found += [f"{_name(case, one)} is there {n} times" for one, n in sorted(counts.items()) if n > 1 and one in wanted]
    return found + [f"{one.hex()} was never given" for one in sorted(counts.keys() - wanted)]


def _name(case: Case, one: bytes) -> str:
    number = int.from_bytes(one[8:], "big")
    return f"line {number}" if one[:8] == command_id(case.source, 0)[:8] else f"probe {number}"


def _in_order(eye: Eye) -> list[str]:
    return [f"{user or 'nobody'}: history row {seq}" for user, seq in eye.rows(_DISORDER)]


def _gapless(eye: Eye) -> list[str]:
    found = [f"source {source}: {text}" for source, text in eye.rows(_HOLES)]
    users = eye.rows(_UNLOGGED_CASH)
    return found + [f"{user}: cash {cash}, by the log {logged}" for user, cash, logged in users]


def _prices(eye: Eye, case: Case) -> list[str]:
    with case.answers_file.open() as lines:
        answered = {tuple(json.loads(line)) for line in lines}
    found = []
    for user, seq, symbol, age_ms, cents, fetched, asker, key in eye.rows(_TRADES):
        name = f"{user}: history row {seq}"
        if cents != fetched:
            found.append(f"{name}: price {cents}, the quote's is {fetched}")
        elif (symbol, asker or "quotecache", format_cents(fetched), key) not in answered:
            found.append(f"{name}: the quote server never said {format_cents(fetched)} for {symbol}")
        elif not 0 <= age_ms <= 60_000:
            found.append(f"{name}: the price was {age_ms} ms old")
    return found


def _late(eye: Eye, case: Case) -> list[str]:
    found = []
    for user, seq, due_ms, at_ms in eye.rows(_EXPIRIES):
        excused = sum(max(0, min(at_ms, end) - max(due_ms, begin)) for begin, end in _merged(case.outages_ms))
        if at_ms - due_ms - excused > LATE_MS_MAX:
            found.append(f"{user}: order {seq} was released {at_ms - due_ms} ms late, {excused} of them in an outage")
    return found


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for begin, end in sorted(spans):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


def _poison(evidence: Evidence) -> list[str]:
    letters = {(stream, offset): body for stream, offset, body in evidence.letters}
    missing, foreign = evidence.poison.keys() - letters.keys(), letters.keys() - evidence.poison.keys()
    found = [f"{stream}/{offset} is not there" for stream, offset in sorted(missing)]
    found += [f"{stream}/{offset} should not be there" for stream, offset in sorted(foreign)]
    both = sorted(letters.keys() & evidence.poison.keys())
    return found + [f"{one} is not what was sent" for one in both if letters[one] != evidence.poison[one]]


def _verify(case: Case) -> list[str]:
    """The project's own proof, as anybody would run it."""
    command = [sys.executable, "-m", "consumers.verification", "verify", "--allow-late"]
    command += ["--dump", str(case.dump_file)] if case.dump_file.exists() else []
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"DATABASE_URL": case.database_url},
        capture_output=True,
        text=True,
        timeout=VERIFY_SECONDS_MAX,
    )
    return [] if done.returncode == 0 else [f"exit code {done.returncode}: {(done.stdout + done.stderr)[-3000:]}"]


def _slow(strikes: list[Strike], limited: bool) -> list[str]:
    found = []
    for strike in strikes:
        limit, name = limit_seconds(strike.kind), f"{strike.kind} at {strike.at_seconds:.1f} s"
        if strike.struck and strike.recovered_seconds is None:
            found.append(f"{name}: no recovery")
        elif limited and limit and strike.struck and strike.alone and strike.recovered_seconds > limit:
            found.append(f"{name}: {strike.recovered_seconds} s, {limit} s at most")
    return found


_COUNTS = "SELECT command_id, count(*) FROM history WHERE kind = 'command' GROUP BY 1"

# The ids of a source sort by line; rows of other sources stand between them and do not matter.
_DISORDER = """
    SELECT user_id, seq FROM (
        SELECT user_id, seq, command_id,
               lag(command_id) OVER (PARTITION BY user_id, substr(command_id, 1, 8) ORDER BY seq) AS before
        FROM history WHERE kind = 'command') AS in_effect
    WHERE command_id < before ORDER BY user_id, seq"""

_HOLES = f"""
    WITH logged AS (
        SELECT source, count(*) AS n, count(DISTINCT number) AS numbers, min(number) AS least, max(number) AS most
        FROM audit_events GROUP BY source),
    given AS (
        SELECT CASE consumer_group WHEN 'quotecache' THEN 64 ELSE partition END AS source, audit_number
        FROM partitions WHERE consumer_group IN ('transactions', 'quotecache'))
    SELECT source, format('%s entries, %s numbers from %s to %s; %s were given', n, numbers, least, most, audit_number)
    FROM given FULL JOIN logged USING (source)
    WHERE coalesce(audit_number, -1) <> coalesce(n, 0) OR n <> numbers OR least <> 1 OR most <> audit_number
       OR source NOT BETWEEN 0 AND {PARTITIONS - 1} AND source <> 64"""

_UNLOGGED_CASH = """
    SELECT user_id, cash_cents, logged FROM accounts FULL JOIN (
        SELECT user_id, sum(funds_cents) AS logged FROM audit_events WHERE kind = 'accountTransaction' GROUP BY 1) AS e
    USING (user_id) WHERE coalesce(cash_cents, 0) <> coalesce(logged, 0)"""

_TRADES = """
    SELECT h.user_id, h.seq, q.symbol, h.at_ms - q.asked_at_ms, h.price_cents, q.price_cents, q.user_id, q.cryptokey
    FROM history h JOIN quote_fetches q USING (quote_id)"""

# What is still pending counts as released now.
_EXPIRIES = """
    SELECT user_id, seq, published_at_ms, at_ms FROM history WHERE kind = 'expiry'
    UNION ALL SELECT user_id, seq, expires_at_ms, (SELECT max(at_ms) FROM history) FROM pending_orders"""

_FIGURES = """
    SELECT count(*), count(*) FILTER (WHERE kind = 'fill'), count(*) FILTER (WHERE kind = 'expiry') FROM history"""
