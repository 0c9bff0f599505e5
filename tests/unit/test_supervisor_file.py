"""supervisord's configuration file: supervisord reads every folder name and every value as it was meant."""

import shlex
from pathlib import Path

import pytest
from supervisor.options import ProcessConfig, ServerOptions, UnhosedConfigParser

from deploy.stack.failure import StackError
from deploy.stack.paths import ROOT
from deploy.stack.profiles import LIVE, Urls
from deploy.supervision.processes import programs
from deploy.supervision.program import Program, variables
from tests.odd_names import ODD_NAMES


def read_back(programs: list[Program], folder: Path) -> list[ProcessConfig]:
    """Returns the programs as supervisord understands their sections."""
    file = folder / "supervisord.conf"
    file.write_text("\n".join(program.section() for program in programs), encoding="utf-8")
    options = ServerOptions()
    options.environ_expansions |= {f"ENV_{name}": value for name, value in variables().items()}
    parser = UnhosedConfigParser()
    parser.expansions = options.environ_expansions
    parser.read(str(file))
    return [
        read
        for program in programs
        for read in options.processes_from_section(parser, f"program:{program.name}", program.name)
    ]


def test_supervisord_reads_back_every_name(tmp_path):
    names = (*ODD_NAMES, "\r", "a\u2003#b")
    made = []
    for number, name in enumerate(names):
        folder = tmp_path / name / "in"
        folder.mkdir(parents=True)
        variables = {"DUMP_DIR": f"x{name}x", "LAST": "2"}
        made.append(Program(f"worker-{number}", (f"{folder}/run", name), folder / "a.log", folder, variables))
    for program, read in zip(made, read_back(made, tmp_path), strict=True):
        understood = (read.directory, read.stdout_logfile, tuple(shlex.split(read.command)), read.environment)
        assert understood == (str(program.directory), str(program.log), program.command, program.environment)


@pytest.mark.parametrize("value", ['it\'s "both"', "'begins", 'ends"', "\udcff"])
def test_a_value_that_supervisord_cannot_read_is_refused_in_one_line(value):
    with pytest.raises(StackError) as refused:
        Program("worker", ("run",), Path("/log"), Path("/"), {"SECRET_KEY": value}).section()
    message = str(refused.value)
    assert message.startswith("SECRET_KEY: ")
    assert "Use another value" in message
    assert "\n" not in message
    assert value not in message, "it may be a password"


def test_no_worker_is_configured_with_the_path_of_the_checkout():
    for program in programs(LIVE, Urls("amqp://", "postgresql://"), 1, "127.0.0.1:1", own_quote_server=True):
        assert str(ROOT) not in program.section()
