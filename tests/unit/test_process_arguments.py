"""Arguments of the long-lived processes: none but `--help`, which needs no setting. A wrong setting is misuse."""

import runpy
import sys

import pytest

from operators.server_verbs import MODULES

PROCESSES = (*MODULES.values(), "webapp.demo")


@pytest.fixture
def run(monkeypatch, capsys):
    """`run(module, *arguments)` runs a process without any settings; returns exit code, output and errors."""
    for name in ("AMQP_URL", "DATABASE_URL", "DEMO_PASSWORD"):
        monkeypatch.delenv(name, raising=False)

    def call(module: str, *arguments: str) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", [module, *arguments])
        with pytest.raises(SystemExit) as end:
            runpy.run_module(module, run_name="__main__")
        said = capsys.readouterr()
        return end.value.code, said.out, said.err

    return call


@pytest.mark.filterwarnings("ignore:.*found in sys.modules")
@pytest.mark.parametrize("module", PROCESSES)
def test_help_of_every_process_needs_no_setting(run, module):
    code, out, err = run(module, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: python -m {module}\n")


@pytest.mark.filterwarnings("ignore:.*found in sys.modules")
@pytest.mark.parametrize("module", PROCESSES)
def test_a_missing_setting_and_an_unknown_argument_are_misuse(run, module):
    code, out, err = run(module)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert " is not set: it " in err
    code, out, err = run(module, "now")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "'now' is not known" in err
