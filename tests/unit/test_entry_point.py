"""Frame of every command: any exception becomes one line that says what to do, and an exit code."""

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from runtime import entry_point
from schema.errors import SettingsError, StoreError

ROOT = Path(__file__).resolve().parents[2]


def ends(error: BaseException, logged: bool = False):
    def main() -> int:
        raise error

    return entry_point.code_of("it", main, logged)


@pytest.mark.parametrize(
    ("error", "code", "expected"),
    [
        (SettingsError("X is wrong"), 2, "it: X is wrong"),
        (StoreError("away"), 1, "it: away"),
        (KeyboardInterrupt(), 130, "it: interrupted"),
        (FileNotFoundError(errno.ENOENT, "No such file", "a"), 1, "it: a: No such file"),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "it: No space left on device: the disk is full"),
        (PermissionError(errno.EACCES, "Permission denied", "b"), 1, "it: b: Permission denied: check the owner"),
        (IsADirectoryError(errno.EISDIR, "Is a directory", f"{ROOT}/.stack/x"), 1, "`make clean` removes .stack"),
        (OSError(errno.EFBIG, "File too large"), 1, "raise it (ulimit -f unlimited)"),
        (OSError("odd\nand long"), 1, "it: odd and long"),
    ],
)
def test_an_expected_error_is_one_line_that_says_what_to_do(capsys, error, code, expected):
    assert ends(error) == code
    err = capsys.readouterr().err
    assert expected in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("error", [ValueError("a\nb"), AssertionError(), KeyError("k"), RecursionError("deep")])
def test_a_fault_in_day_trade_is_one_line_and_its_traceback_a_file(capsys, monkeypatch, tmp_path, error):
    monkeypatch.setattr(entry_point, "LOGS", tmp_path)
    assert ends(error) == 70
    err = capsys.readouterr().err
    (file,) = tmp_path.iterdir()
    assert err.count("\n") == 1
    assert f"{type(error).__name__}" in err
    assert err.rstrip().endswith(
        f"This is a fault in Day Trade, not in your input. Please report it with the file {file}"
    )
    assert "Traceback (most recent call last)" in file.read_text()


def test_a_worker_keeps_its_traceback_in_its_log(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(entry_point, "LOGS", tmp_path)
    assert ends(ValueError("no"), logged=True) == 70
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert err.endswith(
        "it: ValueError: no. This is a fault in Day Trade, not in your input. Please report it with this log\n"
    )
    assert not list(tmp_path.iterdir())


def test_the_exit_code_of_main_is_that_of_the_process():
    assert entry_point.code_of("it", lambda: 3) == 3
    assert entry_point.code_of("it", lambda: None) == 0
    with pytest.raises(SystemExit):
        ends(SystemExit(2))


@pytest.mark.parametrize(("output", "code", "expected"), [("pipe", 141, ""), ("/dev/full", 1, "the disk is full")])
def test_a_broken_output_prints_no_traceback(output, code, expected):
    program = "from runtime import entry_point\nentry_point.run('it', lambda: print('x' * 100_000))"
    if output == "pipe":
        reading, writing = os.pipe()
        os.close(reading)
    else:
        writing = os.open(output, os.O_WRONLY)
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, text=True)
    os.close(writing)
    assert done.returncode == code
    assert done.stderr.count("\n") == bool(expected)
    assert expected in done.stderr


def test_output_that_was_closed_is_no_fault():
    program = "from runtime import entry_point\nentry_point.run('it', lambda: print('x'))"
    asked = ["sh", "-c", 'exec "$@" >&-', "sh", sys.executable, "-c", program]
    done = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("module", "package", "content", "code", "expected"),
    [
        ("deploy", "typer", "raise ImportError('no such\\nlibrary')", 1, "error: a package cannot be loaded (no such"),
        # A crash of the machine may leave files empty, or with the right length and no content.
        ("deploy", "msgspec", "", 1, "error: a package cannot be loaded (module 'msgspec' has no attribute"),
        ("operators", "psycopg", "", 1, "daytradectl: a package cannot be loaded (module 'psycopg' has no attribute"),
        ("deploy", "typer", "\0" * 9, 1, "error: a package cannot be loaded (source code string cannot"),
        ("deploy", "typer", "raise KeyboardInterrupt", 130, "error: interrupted"),
    ],
)
def test_an_error_while_packages_load_is_one_line_too(tmp_path, module, package, content, code, expected):
    (tmp_path / f"{package}.py").write_text(content)
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    asked = [sys.executable, "-m", module, "status" if module == "deploy" else "verify"]
    done = subprocess.run(asked, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == code
    assert done.stderr.startswith(expected)
    assert done.stderr.count("\n") == 1


@pytest.fixture
def broken(tmp_path) -> Path:
    """A checkout whose virtual environment was installed, and whose interpreter has gone since."""
    for name in ("database", "deploy", "runtime", "schema"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "migrations"))
    for name in ("Makefile", "requirements.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".stack").mkdir()
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to("/nowhere")
    (tmp_path / ".venv" / ".requirements-installed").touch()
    return tmp_path


def test_a_virtual_environment_without_its_interpreter_is_made_anew_or_removed(broken):
    def make(*asked: str) -> str:
        environment = {"PATH": "/usr/bin:/bin", "PYTHON": sys.executable}
        return subprocess.run(
            ["make", *asked], cwd=broken, env=environment, capture_output=True, text=True, check=True
        ).stdout

    assert "make_venv.sh" in make("-n", "status")
    make("clean")
    assert not {".venv", ".stack"} & {path.name for path in broken.iterdir()}


def test_every_process_of_the_project_has_this_frame():
    entries = [
        path
        for path in ROOT.rglob("*.py")
        if path.relative_to(ROOT).parts[0] not in ("tests", "bench", "client", ".venv", ".stack")
        and '__name__ == "__main__"' in path.read_text()
    ]
    assert len(entries) > 10
    for path in entries:
        assert "entry_point.run" in path.read_text(), path
