"""A workload through real processes: the report's checks are 0, the dump is exact, the exports agree with it."""

import gzip
import json
import os
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path

from lxml import etree

from bench.processes import ROOT
from database.postgres import connect
from deploy.commands.driver import DriverProcess
from tests.e2e.system import System
from verification import dump_passes, runner

NO_VIOLATIONS = {"lost": 0, "duplicated": 0, "out_of_order": 0, "unbalanced_users": 0, "unwritten_dumps": 0}

LOG_SCHEMA = etree.XMLSchema(etree.parse(ROOT / "schema" / "log.xsd"))


def run(system: System, workload: Path) -> dict:
    report = system.folder / "report.json"
    driver = system.load(workload, report)
    assert driver.wait(timeout=90) == 0, system.log("loadtest")
    return json.loads(report.read_text())


def export(system: System, what: str) -> Path:
    path = system.folder / what
    subprocess.run(
        [sys.executable, "-m", "operators", what, path],
        cwd=ROOT,
        env=system.environment,
        check=True,
        capture_output=True,
    )
    return path


def test_small_workload_ends_with_all_checks_zero_and_an_exact_dump(system: System) -> None:
    system.start()
    report = run(system, ROOT / "workloads" / "small.txt")
    assert set(system.stop().values()) == {0}

    assert report["commands"] == 2000
    assert report["checks"] == NO_VIOLATIONS
    assert sum(report["outcomes"].values()) == 2000
    assert report["quotes"]["cost_ratio"] == 1.0
    assert report["durability"] == {"fsync": "on", "synchronous_commit": "on"}
    page = etree.parse(system.folder / "report.html", etree.HTMLParser())
    assert len(page.findall(".//svg")) == 4, "throughput, lag, batches, quotes"
    assert not page.findall(".//*[@src]") + page.findall(".//*[@href]"), "the page opens without a network"

    dump = etree.parse(system.dump_dir / "testLOG")
    LOG_SCHEMA.assertValid(dump)
    numbers = Counter(element.findtext("transactionNum") for element in dump.iterfind("userCommand"))
    assert numbers == Counter(str(n) for n in range(1, 2001))
    errors = [element.findtext("errorMessage") for element in dump.iterfind("errorEvent")]
    assert len(errors) == report["outcomes"]["rejected"]

    state = json.loads(export(system, "state").read_text())
    cash = Counter()
    for element in dump.iterfind("accountTransaction"):
        cents = int(Decimal(element.findtext("funds")) * 100)
        cash[element.findtext("username")] += cents if element.findtext("action") == "add" else -cents
    assert {user: account["cash_cents"] for user, account in state.items()} == {user: cash[user] for user in state}


def test_a_packed_workload_from_a_pipe_runs_and_its_history_export_adds_up_to_the_state_export(system: System) -> None:
    """`make loadtest` works like this: the driver reads the pipe before any server runs."""
    report_file = system.folder / "report.json"
    reading, writing = os.pipe()
    os.set_inheritable(reading, True)
    packed = gzip.compress((ROOT / "workloads" / "tiny.txt").read_bytes())
    begun = []
    with DriverProcess({"WORKLOAD": f"/dev/fd/{reading}", "REPORT": str(report_file), "REPLICAS": "2"}) as driver:
        os.close(reading)
        with open(writing, "wb", buffering=0) as pipe:
            pipe.write(packed[:100])
            pipe.write(packed[100:])
        assert driver.refuses() is None
        system.start()
        assert driver.run(system.environment, lambda: begun.append(True), lambda: None) == 0
    assert begun == [True]
    report = json.loads(report_file.read_text())
    assert (report["workload"], report["checks"], report["input_fault"]) == (f"/dev/fd/{reading}", NO_VIOLATIONS, None)
    assert report["commands"] == len((ROOT / "workloads" / "tiny.txt").read_text().splitlines())
    system.stop()

    state = json.loads(export(system, "state").read_text())
    rows = [json.loads(line) for line in export(system, "history").read_text().splitlines()]
    cash, reserved, seqs = Counter(), Counter(), {}
    for row in rows:
        cash[row["user"]] += row["cash_delta_cents"]
        reserved[row["user"]] += row["reserved_delta_cents"]
        assert row["seq"] == seqs.get(row["user"], 0) + 1
        seqs[row["user"]] = row["seq"]
    assert {user: (a["cash_cents"], a["reserved_cents"]) for user, a in state.items()} == {
        user: (cash[user], reserved[user]) for user in state
    }


def test_a_dump_that_cannot_be_written_fails_the_run_and_is_named_with_the_reason(system: System) -> None:
    system.start()
    workload, report_file = system.folder / "clash.txt", system.folder / "report.json"
    workload.write_text("[1] ADD,alice,10.00\n[2] DUMPLOG,alice,testLOG/x\n[3] DUMPLOG,./testLOG\n")
    assert system.load(workload, report_file).wait(timeout=90) == 1
    system.stop()

    named = "dump testLOG of all users"
    reason = "this name is a folder of the dump testLOG/x"
    report = json.loads(report_file.read_text())
    assert report["outcomes"]["done"] == 3
    assert report["checks"] == NO_VIOLATIONS | {"unwritten_dumps": 1}
    (unwritten,) = report["dumps"].pop("unwritten")
    assert (unwritten["transaction_number"], unwritten["filename"], unwritten["reason"]) == (3, "testLOG", reason)
    assert report["dumps"] == {"waiting": 0, "written": 1, "replaced": 0, "failed": 1}
    assert f"{named} (transaction 3) was not written: {reason}" in " ".join(system.log("loadtest").split())
    assert (system.dump_dir / "testLOG" / "x").is_file()

    with connect(system.environment["DATABASE_URL"], "test") as connection:
        violated = [found for found in runner.judge(connection, dump_passes.FILES, lambda _: None) if found.violations]
    assert [found.first for found in violated] == [f"{named} was not written: {reason}"]
