"""The report as one HTML page, which opens without a network: charts over time, and tables.

It computes nothing: `report.py` and `course.py` did.
"""

from collections.abc import Iterable, Mapping
from html import escape
from pathlib import Path

from loadtest.course import PERCENTILES, Percentiles, RunCourse
from loadtest.report import ComparedFigures, LoadReport, cpu_figures
from loadtest.svg_charts import bar_chart, line_chart
from runtime.output_file import written_whole
from schema.money import format_cents

LATENCY_HEADER = ("", *(f"p{share * 100:g}" for share in PERCENTILES), "max")


def write_html(report: LoadReport, course: RunCourse, earlier: ComparedFigures | None, path: Path) -> None:
    """Writes the page, as a whole file or not at all. `earlier`: a run to compare with. Raises OSError."""
    with written_whole(path) as file:
        file.write(page(report, course, earlier).encode())


def page(report: LoadReport, course: RunCourse, earlier: ComparedFigures | None) -> str:
    """Makes the page's text."""
    rate_before = float(earlier["commands_per_second"]) if earlier else None
    sections = [
        _section("Summary", _summary(report, earlier)),
        _section("Commands committed per second", line_chart(course.throughput, course.step_seconds, "", rate_before)),
        _section(
            "Longest time from publishing to commit",
            line_chart(course.lag_ms, course.step_seconds, "ms"),
            "A command that is published while others wait is run after those of its partition that came before it.",
        ),
        _section(
            "Latency by command, in ms",
            _table(LATENCY_HEADER, _percentiles(course.by_command)),
            "From publishing to commit, of the commands that did not wait for a quote themselves. Some waited behind an"
            " earlier command of their user.",
        ),
        _section(
            "Waiting for a quote, in ms",
            _table(("", "waited", *LATENCY_HEADER[1:]), _waiting(course)),
            "Only commands that waited. The others had a price at once.",
        )
        if course.waiting
        else "",
        _section(
            "Batches by number of commands",
            bar_chart({f"up to {bound:,}": float(count) for bound, count in course.batch_sizes.items()}, "batches"),
            "A batch is one transaction of a worker.",
        ),
        _section(
            "Latency by partition, in ms",
            _table(LATENCY_HEADER, _percentiles({str(n): found for n, found in course.by_partition.items()})),
        ),
        _section("Quotes", _quotes(report)),
        _section("CPU time by process, in seconds", bar_chart(_largest(report["cpu_seconds"]), "s"), _all_cpu(report))
        if report["cpu_seconds"]
        else "",
        _section("Rejected commands", _table(("reason", "commands"), _rejections(report))),
        _section("Versions", _table(("", ""), report["versions"].items())),
    ]
    title = f"Load test of {report['workload']}"
    return _PAGE.format(title=escape(title), style=_STYLE, body="".join(sections), verdict=_verdict(report))


def _verdict(report: LoadReport) -> str:
    checks = report["checks"]
    words = " · ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in checks.items())
    findings = "".join(f"<li>{escape(finding)}</li>" for finding in report["findings"])
    kind = "bad" if any(checks.values()) else "good"
    return f'<p class="{kind}">Checks: {words}</p>' + (f"<ul>{findings}</ul>" if findings else "")


def _summary(report: LoadReport, earlier: ComparedFigures | None) -> str:
    rows = [(name, *map(str, values)) for name, *values in _summary_rows(report, earlier)]
    return _table(("", "this run", *(("earlier run", "change") if earlier else ())), rows)


def _summary_rows(report: LoadReport, earlier: ComparedFigures | None) -> Iterable[tuple[str, ...]]:
    reports: list[ComparedFigures] = [report, *([earlier] if earlier else [])]

    def row(name: str, values: list[float | None], unit: str = "") -> tuple[str, ...]:
        cells = ["–" if value is None else f"{value:,.10g}{unit}" for value in values]
        change = ""
        if len(values) == 2 and values[0] is not None and values[1]:
            change = f"{(values[0] / values[1] - 1) * 100:+.1f} %"
        return (name, *cells, *([change] if earlier else []))

    yield row("commands", [float(one["commands"]) for one in reports])
    yield row("done", [float(one["outcomes"]["done"]) for one in reports])
    yield row("rejected", [float(one["outcomes"]["rejected"]) for one in reports])
    yield row("commands per second, to the last audit row", [float(one["commands_per_second"]) for one in reports])
    for name in ("published", "executed", "audited"):
        yield row(f"{name} after", [one["seconds"][name] for one in reports], " s")
    for name in report["latency_ms"]:
        yield row(f"latency {name}", [one["latency_ms"].get(name) for one in reports], " ms")
    yield row("audit entries", [float(one["audit_entries"]) for one in reports])
    yield row("transaction workers", [float(one["replicas"]) for one in reports])


def _percentiles(found: Mapping[str, Percentiles]) -> Iterable[tuple[str, ...]]:
    for name, values in found.items():
        yield (name, *(f"{value:,}" for value in values))


def _waiting(course: RunCourse) -> Iterable[tuple[str, ...]]:
    for name, values in course.waiting.items():
        yield (name, f"{course.waited[name]:,}", *(f"{value:,}" for value in values))


def _quotes(report: LoadReport) -> str:
    quotes = report["quotes"]
    paid = bar_chart({"paid": float(quotes["fetches"]), "least possible": float(quotes["floor"])}, "quotes")
    rows = [
        ("lookups", f"{quotes['lookups']:,}"),
        ("answered from the cache", f"{quotes['hits']:,}"),
        ("joined a request under way", f"{quotes['joined']:,}"),
        ("cost", f"{format_cents(quotes['cost_cents'])} $"),
        (
            "cost as a multiple of the least possible",
            "–" if quotes["cost_ratio"] is None else f"{quotes['cost_ratio']}",
        ),
    ]
    return paid + _table(("", ""), rows)


def _all_cpu(report: LoadReport) -> str:
    cpu = cpu_figures(report)
    return f"{cpu.seconds:.1f} s in all: {cpu.cores:.2f} cores, {cpu.us_per_command:.1f} µs a command."


def _largest(seconds: Mapping[str, float], shown: int = 8) -> dict[str, float]:
    return dict(list(seconds.items())[:shown])


def _rejections(report: LoadReport) -> Iterable[tuple[str, ...]]:
    for reason, number in report["rejections"].items():
        yield (reason.replace("_", " "), f"{number:,}")


def _table(header: Iterable[str], rows: Iterable[tuple[str, ...]]) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _section(title: str, inside: str, note: str = "") -> str:
    noted = f"<p>{escape(note)}</p>" if note else ""
    return f"<section><h2>{escape(title)}</h2>{noted}{inside}</section>"


_STYLE = """
:root { color-scheme: light dark; --ink: #1b2430; --soft: #5b6675; --line: #d8dee6; --bar: #2764c4; --paper: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6ebf2; --soft: #9aa7b8; --line: #303a47; --bar: #7aaaf5; --paper: #12171d; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
  max-width: 780px; padding: 0 1rem; }
h1 { font-size: 1.4rem; overflow-wrap: anywhere; } h2 { font-size: 1.05rem; margin: 2rem 0 .3rem; }
p { margin: .2rem 0 .6rem; color: var(--soft); }
.good, .bad { font-weight: 600; color: #17803d; } .bad { color: #c62828; }
@media (prefers-color-scheme: dark) { .good { color: #5ccf85; } .bad { color: #ff8a80; } }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .2rem .6rem; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
svg { width: 100%; height: auto; } svg text { font-size: 11px; fill: var(--soft); }
.grid { stroke: var(--line); } .values { fill: none; stroke: var(--bar); stroke-width: 1.6; } .bar { fill: var(--bar); }
.earlier { stroke: var(--soft); stroke-dasharray: 5 4; }
"""

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><style>{style}</style></head>
<body><h1>{title}</h1>{verdict}{body}</body></html>
"""
