"""Report of rounds for people: on the screen, and as the table in docs/reliability.md. Judges nothing."""

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from tests.chaos import records
from tests.chaos.links import ROOT
from tests.chaos.plan import KINDS, limit_seconds
from tests.chaos.recovery import Strike
from tests.chaos.round import RoundResult

RELIABILITY = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- soak: begin -->", "<!-- soak: end -->"

WIDTH_OF_FILES = 140
EXAMPLES_MAX = 5


def console() -> Console:
    """Makes the console. If the output is no terminal, lines are long."""
    screen = Console(highlight=False, markup=False)
    return screen if screen.is_terminal else Console(width=WIDTH_OF_FILES, highlight=False, markup=False)


def show_round(screen: Console, result: RoundResult) -> None:
    """Prints a finished round: its figures, and every violation."""
    figures = ", ".join(f"{value:,} {name}" for name, value in result.figures.items())
    screen.print(f"  {result.seconds:.0f} s; {figures}", soft_wrap=True)
    for kind in result.left_out:
        screen.print(f"  left out: {kind} (chaos does not kill servers that were given)")
    for invariant, offenders in result.violations.items():
        for offender in offenders[:EXAMPLES_MAX]:
            screen.print(f"  VIOLATION: {invariant}: {offender}", soft_wrap=True)
        if len(offenders) > EXAMPLES_MAX:
            screen.print(f"  … and {len(offenders) - EXAMPLES_MAX:,} more")


def show_all(screen: Console, results: list[RoundResult]) -> None:
    """Prints all invariants and all faults at the end of a run."""
    invariants = Table("invariant", "rounds", "violations")
    for name in results[0].violations:
        count = sum(len(result.violations.get(name, ())) for result in results)
        invariants.add_row(name, str(len(results)), f"{count:,}")
    screen.print(invariants)
    faults = Table("fault", "times struck", "worst recovery", "may take", "missed")
    for kind, struck, worst, missed in _by_kind(strike for result in results for strike in result.strikes):
        limit = limit_seconds(kind)
        faults.add_row(kind, str(struck), worst, f"{limit:.0f} s" if limit else "", str(missed or ""))
    screen.print(faults)
    repeated = sum(result.figures["commands repeated"] + result.figures["audit entries repeated"] for result in results)
    violated = sum(result.violated for result in results)
    screen.print(f"duplicates delivered: {repeated:,} · violations: {violated:,}")


def _by_kind(strikes: Iterable[Strike]) -> list[tuple[str, int, str, int]]:
    """Returns for each kind: times struck, slowest recovery while no other fault was under way, times missed."""
    kinds: dict[str, list[Strike]] = {}
    for strike in strikes:
        kinds.setdefault(strike.kind, []).append(strike)
    found = []
    for kind in (kind for kind in KINDS if kind in kinds):
        struck = [strike for strike in kinds[kind] if strike.struck]
        alone = [strike.recovered_seconds for strike in struck if strike.alone]
        known = [seconds for seconds in alone if seconds is not None]
        worst = "none" if None in alone else f"{max(known):.1f} s" if known else "–"
        found.append((kind, len(struck), worst, len(kinds[kind]) - len(struck)))
    return found


def write_reliability() -> None:
    """Writes the table of all recorded rounds between the markers."""
    recorded = records.read()
    rounds = recorded.rounds
    broken = dict.fromkeys(KINDS, 0)
    for one in rounds:
        if one["seed"] in recorded.violated_seeds:
            for kind in {strike["kind"] for strike in one["strikes"]}:
                broken[kind] += 1
    repeated = sum(one["figures"]["commands repeated"] + one["figures"]["audit entries repeated"] for one in rounds)
    lines = [
        f"{len(rounds):,} rounds, {sum(one['figures']['history rows'] for one in rounds):,} history rows,"
        f" {repeated:,} duplicates delivered,"
        f" {sum(len(found) for one in rounds for found in one['violations'].values()):,} violations."
        + (f" {recorded.repeated} of the rounds are repetitions." if recorded.repeated else ""),
        "",
        "| fault | times struck | missed | worst recovery | may take | rounds with violations |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for kind, struck, worst, missed in _by_kind(recorded.strikes):
        limit = limit_seconds(kind)
        may_take = f"{limit:.0f} s" if limit else "–"
        lines.append(f"| {kind} | {struck} | {missed} | {worst} | {may_take} | {broken[kind]} |")
    text = RELIABILITY.read_text()
    head, _, rest = text.partition(BEGIN)
    tail = rest.partition(END)[2]
    RELIABILITY.write_text(f"{head}{BEGIN}\n" + "\n".join(lines) + f"\n{END}{tail}")
