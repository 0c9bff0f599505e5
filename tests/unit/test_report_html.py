"""The load test's HTML report: percentiles, and a comparison with an earlier run."""

import json

import pytest

from loadtest.course import RunCourse, percentiles
from loadtest.report import read_json
from loadtest.report_html import page
from schema.errors import SettingsError

COURSE = RunCourse(0.5, [0.0, 900.0], [0.0, 12.0], {10: 3, 1_000: 1}, {"ADD": (1,) * 6}, {}, {}, {0: (2,) * 6})

REPORT = {
    "workload": "<b>.txt",
    "commands": 1_500,
    "outcomes": {"done": 1_400, "rejected": 100, "unreadable": 0},
    "rejections": {"no_shares": 100},
    "started_at_ms": 0,
    "seconds": {"published": 0.5, "executed": 1.0, "audited": 1.0},
    "slowed_seconds": 0.0,
    "timed_by": "commit timestamps",
    "commands_per_second": 1_500,
    "latency_ms": {"p50": 2, "max": 9},
    "quote_waits_ms": {"commands": 0, "p50": None, "p99": None},
    "quotes": {"lookups": 5, "hits": 4, "joined": 0, "fetches": 1, "floor": 1, "cost_cents": 5, "cost_ratio": 1.0},
    "triggers": {},
    "audit_entries": 3_000,
    "dumps": {},
    "checks": {"lost": 0},
    "findings": [],
    "unreadable": [],
    "input_fault": None,
    "durability": {},
    "replicas": 2,
    "cpu_seconds": {"transactions-1": 0.3, "Postgres for audit": 0.2},
    "versions": {"python": "3.11"},
}


def test_a_percentile_is_the_least_value_that_such_a_share_does_not_exceed() -> None:
    assert percentiles({7: 1}) == (7,) * 6
    assert percentiles({5: 50, 9: 39, 20: 10, 90: 1}) == (5, 20, 20, 90, 90, 90)


def test_the_page_compares_with_a_report_of_an_older_version(tmp_path) -> None:
    older = {name: REPORT[name] for name in REPORT if name not in ("cpu_seconds", "started_at_ms")}
    file = tmp_path / "older.json"
    file.write_text(json.dumps(older | {"commands_per_second": 1_000}))
    text = page(REPORT, COURSE, read_json(file))
    assert "+50.0 %" in text and 'class="earlier"' in text
    assert "0.50 cores, 333.3 µs a command" in text


def test_names_from_the_workload_do_not_become_markup() -> None:
    assert "&lt;b&gt;.txt" in (text := page(REPORT, COURSE, None)) and "<b>" not in text


def test_a_file_that_is_no_report_is_refused(tmp_path) -> None:
    (file := tmp_path / "no.json").write_text("{}")
    with pytest.raises(SettingsError, match="is no report of a load test"):
        read_json(file)
