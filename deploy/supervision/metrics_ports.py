"""Ports at which supervised processes serve their metrics: a free one for each, which it keeps from start to start."""

from dataclasses import replace

from deploy.stack import ports
from deploy.stack.record import Record
from deploy.supervision.program import Program

VARIABLE = "METRICS_PORT"


def assign(record: Record, programs: list[Program], running: set[str], without: set[str]) -> list[Program]:
    """Returns the programs with their ports, which the record then has as well.

    `running`: names of the programs that run now, which occupy their ports themselves. `without`: names of programs
    that serve no metrics.
    """
    avoid = {*record.ports.values(), *record.quote_ports.values(), *record.site_ports.values()}
    made = []
    for program in programs:
        if program.name in without:
            made.append(program)
            continue
        port = record.metrics_ports.pop(program.name, None)
        if port is None or program.name not in running:
            port = ports.keep_or_find(port, avoid | set(record.metrics_ports.values()))
        record.metrics_ports[program.name] = port
        made.append(replace(program, environment=program.environment | {VARIABLE: str(port)}))
    return made


def shown(record: Record, name: str) -> str:
    """Returns the port of a program's metrics; "-" if it serves none."""
    return str(record.metrics_ports.get(name, "-"))
