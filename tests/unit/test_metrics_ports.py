"""Ports of the processes' metrics: each process has its own, and keeps it."""

from pathlib import Path

from deploy.stack.record import Record
from deploy.supervision import metrics_ports
from deploy.supervision.program import Program

PROGRAMS = [
    Program(f"live.{name}", ("true",), Path("log"), Path("/")) for name in ("audit", "triggers", "quote-server")
]


def assigned(record: Record, running: set[str]) -> list[str | None]:
    programs = metrics_ports.assign(record, PROGRAMS, running, {"live.quote-server"})
    return [program.environment.get(metrics_ports.VARIABLE) for program in programs]


def test_each_process_has_a_port_of_its_own_and_keeps_it(monkeypatch) -> None:
    record = Record()
    audit, triggers, quote_server = assigned(record, set())
    assert audit and triggers and audit != triggers
    assert quote_server is None
    assert metrics_ports.shown(record, "live.audit") == audit
    monkeypatch.setattr("deploy.stack.ports.is_free", lambda port: port not in (int(audit), int(triggers)))
    assert assigned(record, {"live.audit"})[0] == audit, "a running process has the port itself"
    assert assigned(record, {"live.audit"})[1] != triggers, "another program has taken the port"
