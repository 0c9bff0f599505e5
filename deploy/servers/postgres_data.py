"""Makes the data folder of a private Postgres and keeps its configuration fresh. It starts no server."""

import hashlib
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import psutil

from deploy.stack import caller, stack_folder
from deploy.stack.failure import StackError
from deploy.stack.owner import ProcessUser
from deploy.stack.paths import POSTGRES_CONFIG, POSTGRES_DATA, ROOT, STACK
from deploy.stack.record import Record

# File that is written last: if it is missing, initdb did not finish, and the folder holds no data. It contains the hash
# of the superuser's password, so that a record with another password is noticed.
COMPLETE = "daytrade-complete"
LOCK = "postmaster.pid"
SERVER_USER = "postgres"  # Postgres refuses to run as root; the packages bring this user


def server_user() -> str:
    """Returns the user that Postgres runs as; empty for the user of this process."""
    return SERVER_USER if os.geteuid() == 0 else ""


def version_on_disk() -> str:
    """Returns the major version that made the data folder, or "". Raises StackError if it cannot be read."""
    if not (POSTGRES_DATA / COMPLETE).exists():
        return ""
    try:
        version = (POSTGRES_DATA / "PG_VERSION").read_text(errors="replace").strip()
    except OSError:
        version = ""
    if not (version.isascii() and version.isdecimal() and len(version) < 4):
        raise StackError(f"{POSTGRES_DATA} is damaged (PG_VERSION); `make clean` removes it, with all data")
    return version


def folder() -> Path:
    """Returns the real path of the data folder, and makes it if missing.

    The server's user may be unable to follow links.
    """
    if not POSTGRES_DATA.is_dir():
        _make_folder()
    return POSTGRES_DATA.resolve()


def prepare(record: Record, programs: Path) -> None:
    """Makes the data ready for a start. `programs` contains initdb. Raises StackError with the end of its output."""
    _take_back()
    _drop_broken_lock()
    complete, password = POSTGRES_DATA / COMPLETE, hashlib.sha256(record.superuser_password.encode()).hexdigest()
    if not complete.exists():
        for item in POSTGRES_DATA.iterdir():
            shutil.rmtree(item) if item.is_dir() and not item.is_symlink() else item.unlink()
        _initdb(record, programs)
    _put(POSTGRES_CONFIG.read_text(), POSTGRES_DATA / "postgresql.conf")
    if complete.exists() and complete.read_text(errors="replace") not in ("", password):
        _set_password(record, programs)
    _put(password, complete)


def remove() -> None:
    """Removes the data if they are outside .stack. The caller removes .stack itself."""
    if POSTGRES_DATA.is_symlink():
        if POSTGRES_DATA.resolve() == _folder_elsewhere():  # a link made by somebody else leads to foreign data
            shutil.rmtree(_folder_elsewhere(), ignore_errors=True)
        POSTGRES_DATA.unlink()


def _make_folder() -> None:
    POSTGRES_DATA.unlink(missing_ok=True)  # a link whose target is gone
    folder = POSTGRES_DATA
    if server_user() and not _server_user_reaches(STACK):
        folder = _folder_elsewhere()
        POSTGRES_DATA.symlink_to(folder)
        if folder.exists():
            _remove_forgotten(folder)
    folder.mkdir(mode=0o700)
    _hand_over(folder)


def _remove_forgotten(folder: Path) -> None:
    """Removes the data of a deleted checkout at the same path; the passwords to these data are lost."""
    # Every user may write to /var/tmp: only a folder of the server's user can be this project's.
    if folder.is_symlink() or folder.stat().st_uid != pwd.getpwnam(SERVER_USER).pw_uid:
        raise StackError(f"{folder} is in the way and belongs to another program: remove it")
    shutil.rmtree(folder)


def _folder_elsewhere() -> Path:
    return Path("/var/tmp") / f"daytrade-{hashlib.sha256(os.fsencode(ROOT)).hexdigest()[:12]}"


def _server_user_reaches(folder: Path) -> bool:
    """Whether the server's user can enter the folder.

    A process of that user tries it: file modes do not show the effect of access lists and mounts.
    """
    done = subprocess.run(["test", "-x", str(folder)], cwd="/", check=False, **_as_server_user())
    return done.returncode == 0


def _initdb(record: Record, programs: Path) -> None:
    folder = POSTGRES_DATA.resolve()
    # Mode 0600, deleted after the block. It is beside the data, as the server's user may be unable to enter TMPDIR.
    with tempfile.NamedTemporaryFile("w", dir=folder.parent) as password_file:
        password_file.write(record.superuser_password)
        password_file.flush()
        _hand_over(Path(password_file.name))
        done = subprocess.run(
            [
                programs / "initdb",
                f"--pgdata={folder}",
                "--username=postgres",
                "--auth=scram-sha-256",
                f"--pwfile={password_file.name}",
                "--encoding=UTF8",
                "--locale=C",
            ],
            cwd="/",
            env=caller.for_servers(),
            capture_output=True,
            text=True,
            **_as_server_user(),
        )
    if done.returncode:
        raise StackError(f"initdb failed: {' '.join((done.stderr or done.stdout).split())[-300:]}")


def _set_password(record: Record, programs: Path) -> None:
    """Sets the superuser's password to the record's if that of the data was lost. No server may run."""
    done = subprocess.run(
        [programs / "postgres", "--single", "-D", POSTGRES_DATA.resolve(), "postgres"],
        cwd="/",
        env=caller.for_servers(),
        input=f"ALTER ROLE postgres PASSWORD '{record.superuser_password}'\n",
        capture_output=True,
        text=True,
        **_as_server_user(),
    )
    if done.returncode:
        raise StackError(f"Postgres' password could not be changed: {' '.join(done.stderr.split())[-300:]}")


def _take_back() -> None:
    """Gives the data back to the server's user: after `chown -R` of the checkout, Postgres would not start."""
    folder = POSTGRES_DATA.resolve()
    if server_user() and folder.stat().st_uid != (account := pwd.getpwnam(SERVER_USER)).pw_uid:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, account.pw_uid, account.pw_gid, follow_symlinks=False)


def _drop_broken_lock() -> None:
    """Deletes a lock file that a crash has truncated, or whose number another program has by now.

    Postgres would start with neither. It checks itself whether another server uses the data.
    """
    lock = stack_folder.file(POSTGRES_DATA / LOCK)
    if not lock.exists():
        return
    number = lock.read_bytes().partition(b"\n")[0].strip()
    if not number.isdigit() or _is_another_program(int(number)):
        lock.unlink()


def _is_another_program(pid: int) -> bool:
    """Whether this process exists and is no Postgres. The number of one that ended may belong to any program."""
    try:
        return "postgres" not in psutil.Process(pid).name()
    except (psutil.Error, OverflowError):
        return False


def _put(text: str, path: Path) -> None:
    stack_folder.file(path).write_text(text)
    _hand_over(path)


def _hand_over(path: Path) -> None:
    if server_user():
        shutil.chown(path, SERVER_USER, pwd.getpwnam(SERVER_USER).pw_gid)


def _as_server_user() -> ProcessUser:
    if not server_user():
        return {}
    return {"user": SERVER_USER, "group": pwd.getpwnam(SERVER_USER).pw_gid, "extra_groups": []}
