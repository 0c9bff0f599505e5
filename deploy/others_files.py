"""Refuses to work on what somebody else has made in this checkout, and says how to make it one's own."""

import os
import pwd
import shlex
from collections.abc import Iterator
from pathlib import Path

from deploy.failure import StackError
from deploy.paths import POSTGRES_DATA, ROOT, STACK

MADE_HERE = (".venv", ".stack", "dumps", ".pytest_cache", ".hypothesis", ".ruff_cache")


def refuse(uid: int) -> None:
    """Raises StackError where something that `uid` needs to change belongs to another. root can change everything."""
    if uid == 0:
        return
    others = [path for path in _made(uid) if path.lstat().st_uid != uid]
    if not others:
        return
    whose = f"{others[0]} belongs to {_name(others[0].lstat().st_uid)}, so that {_name(uid)} cannot use it"
    if ROOT.stat().st_uid != uid:
        raise StackError(f"{whose}. Use a checkout of your own")
    elsewhere = [path for path in others if not path.is_relative_to(ROOT)]
    folders = " ".join(shlex.quote(str(folder)) for folder in (ROOT, *elsewhere))
    raise StackError(f"{whose}. Run this once: sudo chown -R {_name(uid)}: {folders}")


def _made(uid: int) -> Iterator[Path]:
    """What this project makes in a checkout; of Postgres's data also the folder that a link leads to."""
    yield from (ROOT / name for name in MADE_HERE if os.path.lexists(ROOT / name))
    if STACK.is_dir() and STACK.lstat().st_uid == uid:  # another's cannot be listed
        yield from STACK.iterdir()
    if POSTGRES_DATA.is_symlink() and POSTGRES_DATA.exists():
        yield POSTGRES_DATA.resolve()


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"
