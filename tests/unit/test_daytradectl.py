"""The operators' command line without servers: `--help` needs no settings, and a missing setting is one line."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from operators import __main__ as operators

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = "daytradectl"

NEED_A_DATABASE = [
    ["verify"],
    ["heads"],
    ["state", "file"],
    ["history", "file"],
    ["account-at", "ann", "1"],
    ["migrate"],
    ["alarms"],
    ["check-streams"],
    ["price-history", "ABC"],
    ["admin", "ann"],
    ["dead-letters", "list"],
    ["dead-letters", "show", "--id", "commands.00/1"],
    ["dead-letters", "requeue", "--all"],
    ["dead-letters", "discard", "--all"],
]
NEED_A_BROKER = [["replay"], ["declare"], ["quotes-today"]]
VERBS = NEED_A_DATABASE + NEED_A_BROKER
OTHERS = [["load"], ["what-if"], ["workload"], ["run"]]


@pytest.fixture
def run(monkeypatch, capsys):
    """`run(*arguments)` runs a verb without any settings; returns exit code, standard output and standard error."""
    for name in ("AMQP_URL", "DATABASE_URL", "DUMP", "HEADS"):
        monkeypatch.delenv(name, raising=False)

    def call(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", [SCRIPT, *arguments])
        code = operators.main()
        output = capsys.readouterr()
        return code, output.out, output.err

    return call


def words_of(verb: list[str]) -> list[str]:
    """Returns the words of a verb without its arguments."""
    return verb[: 2 if verb[0] == "dead-letters" else 1]


@pytest.mark.parametrize("verb", VERBS + OTHERS, ids=lambda verb: " ".join(words_of(verb)))
def test_help_of_every_verb_needs_no_settings(run, verb):
    code, out, err = run(*words_of(verb), "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"Usage: {SCRIPT} {' '.join(words_of(verb))} ")


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: " ".join(words_of(verb)))
def test_a_missing_setting_gives_one_line_that_says_how_to_get_it(run, verb):
    code, out, err = run(*verb)
    missing = "AMQP_URL" if verb in NEED_A_BROKER else "DATABASE_URL"
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"{' '.join(words_of(verb))}: {missing} is not set: it names ")
    assert "make env" in err


def test_a_process_in_the_foreground_does_not_see_variables_for_another_site(run, monkeypatch):
    seen: dict[str, str] = {}
    monkeypatch.setattr(os, "execve", lambda _program, _arguments, environment: seen.update(environment))
    for name in ("FLASK_DEBUG", "GUNICORN_CMD_ARGS", "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS", "WEB_PORT"):
        monkeypatch.setenv(name, "1")
    run("run", "site")
    assert [name for name in seen if name.startswith(("FLASK", "GUNICORN", "WEB_", "FORWARDED"))] == ["WEB_PORT"]


def test_options_that_contradict_each_other_delete_nothing(run, monkeypatch):
    monkeypatch.setenv("AMQP_URL", "amqp://127.0.0.1:1/")
    code, out, err = run("declare", "--fresh", "--remove")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "contradict each other" in err


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: " ".join(words_of(verb)))
@pytest.mark.parametrize(
    "address", ["mysql://u:secret@h/d", "amqp://u:secret@[::1/d", "postgresql://u:secret@h:port/d"]
)
def test_an_address_that_is_none_is_one_line_without_its_password(run, monkeypatch, verb, address):
    for name in ("AMQP_URL", "DATABASE_URL"):
        monkeypatch.setenv(name, address)
    code, out, err = run(*verb)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "is not a valid address: it must look like" in err
    assert "secret" not in err


def test_help_lists_every_verb(run):
    code, out, _ = run("--help")
    assert code == 0
    assert {verb[0] for verb in VERBS + OTHERS} <= set(out.split())


@pytest.mark.parametrize(
    "wrong", [["no-such-verb"], ["state"], ["verify", "--no-such-option"], ["account-at", "a"], ["run", "x"]]
)
def test_wrong_arguments_give_one_line_and_exit_code_2(run, wrong):
    code, out, err = run(*wrong)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"{SCRIPT}: ")


def test_help_loads_no_library_of_a_verb():
    program = (
        "import sys; from operators import __main__ as it; sys.argv = ['it', '--help']; code = it.main();"
        " print('loaded:', *{'pika', 'psycopg', 'sqlalchemy', 'flask'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "loaded:"


def test_the_script_says_what_to_do_where_there_is_no_virtual_environment(tmp_path):
    shutil.copy(ROOT / SCRIPT, tmp_path)
    done = subprocess.run([tmp_path / SCRIPT, "--help"], cwd="/", capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert f"make -C {tmp_path} venv" in done.stderr


def test_the_script_runs_from_any_folder_and_through_a_link(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(ROOT / SCRIPT)
    environment = {"PATH": os.environ["PATH"]}
    done = subprocess.run([link, "verify", "--help"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: {SCRIPT} verify ")


def test_the_script_keeps_out_what_a_shell_has_set_for_other_python_programs():
    shell = {"PYTHONHOME": "/nowhere", "PYTHONOPTIMIZE": "2", "PYTHONPATH": "/nowhere", "PYTHONWARNINGS": "error"}
    shell |= {
        "PYTHONIOENCODING": "nonsense",
        "PSYCOPG_IMPL": "nonsense",
        "DATABASE_URL": "postgresql:///d?host=/nowhere",
    }
    asked = [ROOT / SCRIPT, "account-at", "ann", "1"]
    done = subprocess.run(asked, env={"PATH": os.environ["PATH"]} | shell, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("account-at: cannot reach Postgres: ")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can use the checkout of somebody else so")
def test_root_leaves_no_bytecode_in_somebodys_checkout(tmp_path):
    for name in ("operators", "runtime", "schema"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / SCRIPT, tmp_path)
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    os.chown(tmp_path, 1, 1)
    asked = [tmp_path / SCRIPT, "account-at", "ann", "1"]
    done = subprocess.run(asked, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True)
    assert done.returncode, done.stdout
    assert not list(tmp_path.rglob("__pycache__"))
