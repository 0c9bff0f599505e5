"""Files of several users in one checkout: root continues as its owner; others are told what to do."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.stack import others_files, owner
from deploy.stack.failure import StackError
from deploy.stack.paths import ROOT

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
SOMEBODY = pwd.getpwnam("daemon")  # every Debian has this account
NOBODYS_UID = 54_321


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that every user can enter, unlike pytest's own."""
    made = Path(tempfile.mkdtemp())
    made.chmod(0o755)
    yield made
    shutil.rmtree(made)


def run(folder: Path, *command: str) -> str:
    asked = [sys.executable, "-B", "-m", "deploy.stack.owner", *command]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(asked, cwd=folder, env=environment, capture_output=True, text=True, check=True).stdout


@as_root
def test_files_that_root_makes_in_a_users_checkout_belong_to_the_user(folder):
    os.chown(folder, SOMEBODY.pw_uid, SOMEBODY.pw_gid)
    output = run(folder, "sh", "-c", "touch made; id -u; id -G; echo $HOME")
    made = (folder / "made").stat()
    assert (made.st_uid, made.st_gid) == (SOMEBODY.pw_uid, SOMEBODY.pw_gid)
    assert output.split() == [str(SOMEBODY.pw_uid), str(SOMEBODY.pw_gid), SOMEBODY.pw_dir]


@as_root
@pytest.mark.parametrize("uid", [0, NOBODYS_UID])
def test_root_stays_root_in_its_own_checkout_and_where_the_owner_has_no_account(uid, folder):
    os.chown(folder, uid, uid)
    assert run(folder, "id", "-u").strip() == "0"


@as_root
def test_root_stays_root_if_the_owner_cannot_enter_the_checkout(folder):
    inner = folder / "checkout"
    inner.mkdir()
    os.chown(inner, SOMEBODY.pw_uid, SOMEBODY.pw_gid)
    folder.chmod(0o700)
    assert run(inner, "id", "-u").strip() == "0"


@as_root
def test_a_program_that_the_owner_may_not_run_is_named_with_the_repair(folder):
    """A virtual environment that root has made may link to a Python in root's home."""
    os.chown(folder, SOMEBODY.pw_uid, SOMEBODY.pw_gid)
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "python").touch(mode=0o700)
    with pytest.raises(subprocess.CalledProcessError) as failed:
        run(folder, ".venv/bin/python")
    output = (
        "error: daemon cannot run .venv/bin/python: Permission denied. Run `rm -r .venv`, then this command again\n"
    )
    assert (failed.value.returncode, failed.value.stderr) == (1, output)


@as_root
def test_a_package_that_root_installed_is_named_with_the_repair(folder):
    for name in ("database", "deploy", "runtime", "schema"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / ".venv" / "lib").mkdir(parents=True)
    for path in (folder, folder / ".venv", folder / ".venv" / "lib"):
        os.chown(path, SOMEBODY.pw_uid, SOMEBODY.pw_gid)
    (folder / ".venv" / "lib" / "flask.py").touch()
    done = subprocess.run(
        ["deploy/make_venv.sh", ".venv", "requirements.txt", "as-owner"],
        cwd=folder,
        env=os.environ | {"PYTHON": "/usr/bin/python3"},
        user=SOMEBODY.pw_uid,
        group=SOMEBODY.pw_gid,
        extra_groups=[],
        capture_output=True,
        text=True,
    )
    output = f"error: .venv/lib/flask.py belongs to root. Run this once: sudo chown -R daemon: {folder}\n"
    assert (done.returncode, done.stdout) == (1, output)


def test_users_other_than_root_are_not_switched(folder, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: NOBODYS_UID)
    assert owner.stand_in(str(folder)) is None


@pytest.fixture
def checkout(folder, monkeypatch) -> Path:
    """A checkout of this user, with the files that the project makes."""
    for name in (".venv", ".stack/log/live", ".stack/rabbitmq/data/deep", "dumps/sub", "build", ".ruff_cache"):
        (folder / name).mkdir(parents=True)
    for name in ("stack.json", "rabbitmq/data/deep/file", "log/live/worker.log"):
        (folder / ".stack" / name).touch()
    monkeypatch.setattr(others_files, "ROOT", folder)
    monkeypatch.setattr(others_files, "STACK", folder / ".stack")
    monkeypatch.setattr(others_files, "POSTGRES_DATA", folder / ".stack" / "postgres")
    return folder


def give(path: Path) -> None:
    os.chown(path, SOMEBODY.pw_uid, SOMEBODY.pw_gid, follow_symlinks=False)


@pytest.fixture
def owners_checkout(checkout) -> Path:
    for path in (checkout, *checkout.rglob("*")):
        give(path)
    return checkout


@as_root
def test_a_checkout_of_ones_own_is_not_refused(owners_checkout):
    others_files.refuse(SOMEBODY.pw_uid)


@as_root
@pytest.mark.parametrize(
    "name",
    [
        *(".venv", ".stack", "dumps", "build", ".ruff_cache", ".stack/log", ".stack/stack.json"),
        *(".stack/log/live/worker.log", ".stack/rabbitmq/data", ".stack/rabbitmq/data/deep/file", "dumps/sub"),
    ],
)
def test_the_refusal_of_files_of_roots_names_the_command_that_repairs_it(name, owners_checkout):
    os.chown(owners_checkout / name, 0, 0)
    with pytest.raises(StackError) as refused:
        others_files.refuse(SOMEBODY.pw_uid)
    output = str(refused.value)
    assert output.startswith(f"{owners_checkout / name} belongs to root")
    subprocess.run(output.partition("sudo ")[2], shell=True, check=True)
    others_files.refuse(SOMEBODY.pw_uid)


@as_root
@pytest.mark.parametrize("name", [".ruff_cache", ".stack"])
def test_a_command_as_the_owner_names_a_folder_of_roots_which_the_owner_may_not_even_list(name, folder):
    for package in ("database", "deploy", "runtime", "schema"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / name).mkdir(mode=0o700)
    os.chown(folder, SOMEBODY.pw_uid, SOMEBODY.pw_gid)
    asked = [sys.executable, "-B", "-m", "deploy.stack.owner", "true"]
    done = subprocess.run(asked, cwd=folder, capture_output=True, text=True)
    whose = f"{folder / name} belongs to root, so daemon cannot use it"
    assert (done.returncode, done.stderr) == (1, f"error: {whose}. Run this once: sudo chown -R daemon: {folder}\n")


@as_root
def test_servers_that_root_started_can_be_ended_whatever_files_they_make_meanwhile(owners_checkout):
    os.chown(owners_checkout / ".stack" / "rabbitmq" / "data" / "deep" / "file", 0, 0)
    others_files.refuse(SOMEBODY.pw_uid, at_the_top_only=True)
    os.chown(owners_checkout / ".stack" / "stack.json", 0, 0)
    with pytest.raises(StackError, match=r"stack.json belongs to root"):
        others_files.refuse(SOMEBODY.pw_uid, at_the_top_only=True)
    with pytest.raises(StackError, match="belongs to root"):
        others_files.refuse(SOMEBODY.pw_uid)


@as_root
def test_another_users_process_counts_as_running_until_it_has_ended():
    program = "import os; from deploy.supervision import leftovers\nos.setuid(1)\nprint(leftovers.lives({pid}))"

    def seen(pid: int) -> str:
        asked = [sys.executable, "-c", program.format(pid=pid)]
        return subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()

    other = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    assert seen(other.pid) == "True"
    other.stdin.close()
    os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
    assert seen(other.pid) == "False", "nobody has asked for its exit code yet, but it is gone"
    other.wait()


@as_root
def test_the_repair_command_covers_postgress_data_in_another_folder(owners_checkout):
    elsewhere = Path(tempfile.mkdtemp())
    try:
        (owners_checkout / ".stack" / "postgres").symlink_to(elsewhere)
        give(owners_checkout / ".stack" / "postgres")
        with pytest.raises(StackError) as refused:
            others_files.refuse(SOMEBODY.pw_uid)
        subprocess.run(str(refused.value).partition("sudo ")[2], shell=True, check=True)
        others_files.refuse(SOMEBODY.pw_uid)
    finally:
        elsewhere.rmdir()


def test_a_user_in_another_users_checkout_is_told_to_use_their_own(checkout):
    with pytest.raises(StackError, match="a checkout of your own"):
        others_files.refuse(NOBODYS_UID)


def test_root_can_use_everything(checkout):
    others_files.refuse(0)


@as_root
def test_a_traceback_that_root_leaves_belongs_to_the_folders_owner(folder):
    os.chown(folder, SOMEBODY.pw_uid, SOMEBODY.pw_gid)
    program = (
        "import pathlib; from runtime import entry_point; entry_point.LOGS = pathlib.Path.cwd()\n"
        "entry_point.run('it', lambda: {}[1])"
    )
    done = subprocess.run([sys.executable, "-B", "-c", program], cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert done.returncode == 70
    assert [path.stat().st_uid for path in folder.iterdir()] == [SOMEBODY.pw_uid]
