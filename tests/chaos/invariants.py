"""Invariants after a round, judged by the database, the dumps, the streams and the quote server's answers.

Imports only names and ids from the project (`schema/`), and no code that reads or decides, because that code is what is
judged. The project's own proofs, run as programs, are one invariant each.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from schema.commands import PARTITIONS, command_id
from schema.events import QUOTECACHE_SOURCE
from tests.chaos import command_check, expiry_check, proofs, quote_check
from tests.chaos.database_view import DatabaseView
from tests.chaos.dump_check import DumpCheck
from tests.chaos.dumps import GivenDump
from tests.chaos.evidence import Evidence
from tests.chaos.expiry_check import Span
from tests.chaos.plan import limit_seconds
from tests.chaos.proofs import Proof
from tests.chaos.recovery import Strike
from tests.chaos.sent_commands import WorkloadCommand, by_id, read_lines

VERIFIED = "verification finds nothing"
REPLAYED = "replay comes to the same state"


@dataclass
class Case:
    """Finished round with all that its judges need. `source`: the workload's source number; the prober's is one higher.

    `outages`: spans in which orders could not be released. `quoteless`: spans in which the quote server could not be
    expected to answer. `limited`: recovery must keep its time limits; otherwise it only has to happen.
    """

    database_url: str
    amqp_url: str
    folder: Path
    workload: Path
    source: int
    answers_file: Path
    probes: list[WorkloadCommand] = field(default_factory=list)
    dumps: list[GivenDump] = field(default_factory=list)
    outages: list[Span] = field(default_factory=list)
    quoteless: list[Span] = field(default_factory=list)
    limited: bool = True
    deaths: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lines = read_lines(self.workload)

    @property
    def ids(self) -> dict[str, bytes]:
        """Bounds of the workload's command ids."""
        return {"low": command_id(self.source, 0), "high": command_id(self.source, 2**63 - 1)}

    @property
    def given(self) -> Mapping[bytes, WorkloadCommand]:
        """Every confirmed command by its id."""
        return {**by_id(self.lines, self.source), **by_id(self.probes, self.source + 1)}

    @property
    def last_dump(self) -> GivenDump:
        """The DUMPLOG of the whole log at the end of the workload."""
        last = self.lines[-1]
        identity = command_id(self.source, len(self.lines))
        return GivenDump(identity, last.number, last.filename, None, None, len(self.lines), len(self.probes))

    @property
    def dump_folder(self) -> Path:
        return self.folder / "dumps"


@dataclass
class Judged:
    """Material of the judges: what a round left, what was gathered from the streams, and the faults that struck."""

    database: DatabaseView
    case: Case
    evidence: Evidence
    strikes: list[Strike]


def judge(judged: Judged, under_way: Mapping[str, Proof]) -> dict[str, list[str]]:
    """Returns, for each invariant, what violates it. `under_way`: the proofs that were begun."""
    found = {name: check(judged) for name, check in CHECKS.items()}
    return found | {name: proof.violations() for name, proof in under_way.items()}


def begin_proofs(case: Case, replayed: bool = True) -> dict[str, Proof]:
    """Starts the programs that judge one invariant each. They take seconds; judging changes nothing they read."""
    found = {VERIFIED: proofs.verification(case.database_url, case.dump_folder / case.last_dump.filename)}
    if replayed:
        found[REPLAYED] = proofs.replay(case.amqp_url, case.database_url)
    return found


def figures(judged: Judged) -> dict[str, int]:
    """Counts, for people, how much there was to judge."""
    ((rows, fills, expiries, without_quote),) = judged.database.rows(_FIGURES)
    evidence = judged.evidence
    return {
        "commands repeated": evidence.commands_repeated,
        "audit entries repeated": evidence.entries_repeated,
        "dead letters": judged.database.value("SELECT count(*) FROM dead_letters"),
        "history rows": rows,
        "fills": fills,
        "expiries": expiries,
        "without a quote": without_quote,
        "dumps": len(judged.case.dumps) + 1,
    }


def _gapless(judged: Judged) -> list[str]:
    return [f"source {source}: {text}" for source, text in judged.database.rows(_HOLES)]


def _cash(judged: Judged) -> list[str]:
    users = judged.database.rows(_UNLOGGED_CASH)
    return [f"{user}: cash {cash}, by the log {logged}" for user, cash, logged in users]


def _prices(judged: Judged) -> list[str]:
    return quote_check.untrue_prices(judged.database, quote_check.read_front(judged.case.answers_file))


def _requests(judged: Judged) -> list[str]:
    return quote_check.unrecorded_requests(judged.database, quote_check.read_front(judged.case.answers_file))


def _invalid_messages(judged: Judged) -> list[str]:
    evidence = judged.evidence
    letters = {(stream, offset): body for stream, offset, body in judged.database.rows(_LETTERS)}
    missing, foreign = evidence.invalid.keys() - letters.keys(), letters.keys() - evidence.invalid.keys()
    found = [f"{stream}/{offset} is not there" for stream, offset in sorted(missing)]
    found += [f"{stream}/{offset} should not be there" for stream, offset in sorted(foreign)]
    both = sorted(letters.keys() & evidence.invalid.keys())
    found += [f"{one} is not what was sent" for one in both if letters[one] != evidence.invalid[one]]
    return found


def _dumps(judged: Judged) -> list[str]:
    case = judged.case
    check = DumpCheck(judged.database, case.dump_folder, case.lines, case.probes)
    return [one for dump in (*case.dumps, case.last_dump) for one in check.violations(dump)]


def _slow(judged: Judged) -> list[str]:
    found = []
    for strike in judged.strikes:
        limit, name = limit_seconds(strike.kind), f"{strike.kind} at {strike.at_seconds:.1f} s"
        if strike.struck and strike.recovered_seconds is None:
            found.append(f"{name}: no recovery")
        elif judged.case.limited and limit and strike.struck and strike.alone and strike.recovered_seconds > limit:
            found.append(f"{name}: {strike.recovered_seconds} s, {limit} s at most")
    return found


CHECKS = {
    "every confirmed command is done exactly once": lambda judged: command_check.not_once(
        judged.database, judged.case.given
    ),
    "every command is done as it was given": lambda judged: command_check.not_as_given(
        judged.database, judged.case.given
    ),
    "a user's commands take effect in their order": lambda judged: command_check.out_of_order(judged.database),
    "every source of the log is gapless, once, complete": _gapless,
    "the log adds up to the cash": _cash,
    "every price was really answered, and used in time": _prices,
    "every request to the quote server is on record, with its end": _requests,
    "no command lacks a quote while the quote server is well": lambda judged: command_check.unexcused_without_quote(
        judged.database, judged.case.quoteless
    ),
    "no reserve outlives its order by more than 5 s": lambda judged: expiry_check.untimely_releases(
        judged.database, judged.case.outages
    ),
    "the streams hold nothing undecodable but the invalid messages": lambda judged: judged.evidence.unreadable,
    "the invalid messages are the dead letters, and nothing else is": _invalid_messages,
    "every dump is exactly the log up to its DUMPLOG": _dumps,
    "no process ends by itself": lambda judged: judged.case.deaths,
    "recovery takes no longer than it may": _slow,
}
"""Checks of a finished round: invariant → function that returns what violates it."""


_HOLES = f"""
    WITH logged AS (
        SELECT source, count(*) AS n, count(DISTINCT number) AS numbers, min(number) AS least, max(number) AS most
        FROM audit_events GROUP BY source),
    given AS (
        SELECT CASE consumer_group WHEN 'quotecache' THEN {QUOTECACHE_SOURCE} ELSE partition END AS source, audit_number
        FROM partitions WHERE consumer_group IN ('transactions', 'quotecache'))
    SELECT source, format('%s entries, %s numbers from %s to %s; %s were given', n, numbers, least, most, audit_number)
    FROM given FULL JOIN logged USING (source)
    WHERE coalesce(audit_number, -1) <> coalesce(n, 0) OR n <> numbers OR least <> 1 OR most <> audit_number
       OR source NOT BETWEEN 0 AND {PARTITIONS - 1} AND source <> {QUOTECACHE_SOURCE}"""

_UNLOGGED_CASH = """
    SELECT user_id, cash_cents, logged FROM accounts FULL JOIN (
        SELECT user_id, sum(funds_cents) AS logged FROM audit_events WHERE kind = 'accountTransaction' GROUP BY 1) AS e
    USING (user_id) WHERE coalesce(cash_cents, 0) <> coalesce(logged, 0)"""

_LETTERS = "SELECT stream, stream_offset, body FROM dead_letters"

_FIGURES = """
    SELECT count(*), count(*) FILTER (WHERE kind = 'fill'), count(*) FILTER (WHERE kind = 'expiry'),
        count(*) FILTER (WHERE reason = 'no_quote')
    FROM history"""
