"""Whose checkout this is. root goes on as its owner: `sudo make` must leave nothing that the owner cannot change.

`python -m deploy.stack.owner COMMAND ARGUMENT...` runs a command so. It is used before there is a virtual environment,
and needs no package.
"""

import os
import pwd
import subprocess
import sys
from typing import Any

from runtime import entry_point


def stand_in(folder: str) -> pwd.struct_passwd | None:
    """The owner of the folder, if root is to go on as that person; None where we go on as we are.

    root stays root in a folder of its own; where the owner has no account here (a folder that is mounted into a
    container), because Postgres runs for nobody without one; and where the owner cannot get to the folder.
    """
    uid = os.stat(folder).st_uid
    if os.geteuid() != 0 or uid == 0:
        return None
    try:
        account = pwd.getpwuid(uid)
        reaches = subprocess.run(["test", "-w", folder], cwd="/", **_as_user(account)).returncode == 0
    except (KeyError, PermissionError):  # no account; a container whose root may not become anybody
        return None
    return account if reaches else None


def become(account: pwd.struct_passwd) -> None:
    """For good, with everything that this process starts."""
    identity = _as_user(account)
    os.setgroups(identity["extra_groups"])
    os.setgid(identity["group"])
    os.setuid(identity["user"])
    for name in [name for name in os.environ if name.startswith("XDG_")]:
        del os.environ[name]  # root's folders
    os.environ |= {"HOME": account.pw_dir, "USER": account.pw_name, "LOGNAME": account.pw_name}


def _as_user(account: pwd.struct_passwd) -> dict[str, Any]:
    groups = os.getgrouplist(account.pw_name, account.pw_gid)
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": groups}


def main() -> None:
    if owner := stand_in(os.getcwd()):
        become(owner)
    os.execvp(sys.argv[1], sys.argv[1:])


if __name__ == "__main__":
    entry_point.run("error", main)
