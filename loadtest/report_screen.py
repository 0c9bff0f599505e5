"""Report formatted for people. Computes nothing: it shows what `report.py` compiled."""

from rich.console import Console
from rich.table import Table

from loadtest.report import DumpCounts, LoadReport, cpu_figures
from schema.money import format_cents

REASONS_SHOWN_MAX = 8


def show(report: LoadReport, console: Console) -> None:
    """Prints the report. The verdict comes last, where people look first on a terminal."""
    table = Table(title=f"Load test of {report['workload']}", show_header=False, title_justify="left")
    table.add_column(style="bold")
    table.add_column()
    for name, value in _lines(report):
        table.add_row(name, value)
    console.print(table)
    for line in report["unreadable"]:
        console.print(f"line {line['line_number']}, not run: {line['why']}: {line['text']}", markup=False)
    if (more := report["outcomes"]["unreadable"] - len(report["unreadable"])) > 0:
        console.print(f"and {more} more such lines")
    if report["input_fault"]:
        console.print(f"{report['input_fault']}. Only the commands before it ran.", style="bold red", markup=False)
    for finding in report["findings"]:
        console.print(finding, style="red", markup=False)
    _show_verdict(report["checks"], console)


def _lines(report: LoadReport) -> list[tuple[str, str]]:
    outcomes, seconds, latency, quotes = report["outcomes"], report["seconds"], report["latency_ms"], report["quotes"]
    ratio = quotes["cost_ratio"]
    lines = [
        ("Commands", f"{report['commands']:,}"),
        ("Done", f"{outcomes['done']:,}"),
        ("Rejected", f"{outcomes['rejected']:,}{_reasons(report['rejections'])}"),
        ("Unreadable lines", f"{outcomes['unreadable']:,}"),
        ("Published, executed, audited", " · ".join(f"{seconds[name]:.2f} s" for name in seconds)),
        ("Commands per second", f"{report['commands_per_second']:,} to the last audit row"),
        ("Latency", " · ".join(f"{name} {value}" for name, value in latency.items()) + " ms from publishing to commit"),
        ("", _waits(report["quote_waits_ms"])),
        ("Quotes", f"{quotes['lookups']:,} lookups, {quotes['hits']:,} hits, {quotes['joined']:,} joined"),
        ("", f"{quotes['fetches']:,} paid ({quotes['mode']}), {quotes['abandoned']:,} of these abandoned"),
        ("", f"{format_cents(quotes['cost_cents'])} $, {'no floor' if ratio is None else f'{ratio} × the least'}"),
        ("Triggers", " · ".join(f"{value:,} {name}" for name, value in report["triggers"].items())),
        ("Audit entries", f"{report['audit_entries']:,}"),
        ("Dumps", _dumps(report["dumps"])),
        ("Durability", " · ".join(f"{name} {value}" for name, value in report["durability"].items())),
        ("Replicas", str(report["replicas"])),
        ("Versions", " · ".join(f"{name} {value}" for name, value in list(report["versions"].items())[:3])),
    ]
    if quotes["failed"]:
        lines.insert(11, ("", f"{quotes['failed']:,} commands without a quote"))
    if report["slowed_seconds"]:
        lines.insert(5, ("", f"publishing paused for {report['slowed_seconds']:.2f} s, so that no backlog grew"))
    if report["cpu_seconds"]:
        cpu = cpu_figures(report)
        spent = f"{cpu.seconds:.1f} s: {cpu.cores:.2f} cores, {cpu.us_per_command:.0f} µs a command"
        lines.insert(-3, ("CPU time", spent))
    if report["timed_by"] != "commit timestamps":
        lines.append(("Note", "times are the driver's: track_commit_timestamp is off"))
    return lines


def _waits(waits: dict[str, int | None]) -> str:
    if not waits["commands"]:
        return "no command waited for a quote"
    return (
        f"{waits['commands']:,} commands waited for a quote (p50 {waits['p50']} · p99 {waits['p99']} ms),"
        " and their users' next commands behind them"
    )


def _reasons(rejections: dict[str, int]) -> str:
    shown = list(rejections.items())[:REASONS_SHOWN_MAX]
    rest = sum(rejections.values()) - sum(number for _, number in shown)
    lines = [f"{number:,} {reason.replace('_', ' ')}" for reason, number in shown]
    lines += [f"{rest:,} for other reasons"] * bool(rest)
    return "".join(f"\n  {line}" for line in lines)


def _dumps(dumps: DumpCounts) -> str:
    words = {"waiting": "not written yet", "replaced": "replaced by a later one of the same name"}
    counts = {name: number for name, number in dumps.items() if isinstance(number, int) and number}
    return " · ".join(f"{number:,} {words.get(name, name)}" for name, number in counts.items()) or "none requested"


def _show_verdict(checks: dict[str, int], console: Console) -> None:
    found = " · ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in checks.items())
    good = not any(checks.values())
    console.print(f"Checks: {found}", style="bold green" if good else "bold red", highlight=False)
