"""Owner of the checkout. root continues as that user: `sudo make` must leave no file that the owner cannot change.

`python -m deploy.stack.owner COMMAND ARGUMENT...` runs a command as the owner, unless files of other users are in its
way. It runs before a virtual environment exists, so it needs no package.
"""

import os
import pwd
import subprocess
import sys
from typing import NoReturn, TypedDict

from deploy.stack import others_files
from deploy.stack.failure import StackError
from deploy.stack.paths import ROOT
from runtime import entry_point
from runtime.file_owner import name_of


def stand_in(folder: str) -> pwd.struct_passwd | None:
    """Returns the folder's owner if root must go on as that user; None if this process keeps its user.

    root stays root in its own folder; if the owner has no account here (a folder mounted into a container), because
    Postgres needs an account; and if the owner cannot reach the folder.
    """
    uid = os.stat(folder).st_uid
    if os.geteuid() != 0 or uid == 0:
        return None
    try:
        account = pwd.getpwuid(uid)
        reaches = subprocess.run(["test", "-w", folder], cwd="/", **_as_user(account)).returncode == 0
    except (KeyError, PermissionError):  # no account, or a container whose root may not change its user
        return None
    return account if reaches else None


def become(account: pwd.struct_passwd) -> None:
    """Changes the user of this process, and of all that it starts. It cannot be undone."""
    identity = _as_user(account)
    os.setgroups(identity["extra_groups"])
    os.setgid(identity["group"])
    os.setuid(account.pw_uid)
    for name in [name for name in os.environ if name.startswith("XDG_")]:
        del os.environ[name]  # they name root's folders
    os.environ |= {"HOME": account.pw_dir, "USER": account.pw_name, "LOGNAME": account.pw_name}


def go_on_with(program: str, *arguments: str) -> NoReturn:
    """Runs a program in place of this process. Raises StackError if the current user may not run it."""
    try:
        os.execvp(program, [program, *arguments])
    except OSError as error:
        # A virtual environment that root made for itself links to root's Python.
        remedy = "Run `rm -r .venv`, then this command again" if ".venv/" in program else "Check its permissions"
        raise StackError(f"{name_of(os.geteuid())} cannot run {program}: {error.strerror}. {remedy}") from error


class ProcessUser(TypedDict, total=False):
    """Parameters of `subprocess` for the user that a child runs as. None: the user of this process."""

    user: int | str
    group: int
    extra_groups: list[int]


def _as_user(account: pwd.struct_passwd) -> ProcessUser:
    groups = os.getgrouplist(account.pw_name, account.pw_gid)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": groups}


def main() -> int:
    if owner := stand_in(os.getcwd()):
        become(owner)
    try:
        if os.getcwd() == str(ROOT):
            others_files.refuse(os.geteuid())
        go_on_with(*sys.argv[1:])
    except StackError as error:
        print(f"error: {error}", file=sys.stderr)
        return entry_point.FAILED


if __name__ == "__main__":
    entry_point.run("error", main)
