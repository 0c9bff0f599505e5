"""Keeps .stack in order: folders where folders belong, files where files belong. It does not know their contents."""

import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from deploy.stack.failure import StackError
from deploy.stack.paths import (
    LOCK,
    LOGS,
    POSTGRES_DATA,
    RABBITMQ_HOME,
    RABBITMQ_TEMPLATES,
    RECORD,
    RECORD_COPY,
    STACK,
    SUPERVISOR_CONFIG,
    WORKER_CONFIGS,
)
from deploy.stack.progress import say

FOLDERS = (LOGS, WORKER_CONFIGS, RABBITMQ_HOME)
FILES = (RECORD, RECORD_COPY, LOCK, SUPERVISOR_CONFIG, SUPERVISOR_CONFIG.with_suffix(".pid"))

ASIDE = ".damaged"
"""Suffix that renames a file or folder that is put aside."""


def ensure() -> None:
    """Makes .stack and puts aside paths of the wrong kind in it. Raises StackError, OSError.

    No other user may list .stack. If root runs the stack, others may pass through it, because the servers then run
    as other users.
    """
    if not STACK.is_dir():
        if STACK.exists() or STACK.is_symlink():
            raise StackError(f"{STACK} is not a folder: remove it, or run `make clean`")
        STACK.mkdir()
    os.chmod(STACK, 0o711 if os.geteuid() == 0 else 0o700)
    for path in FOLDERS:
        if not path.is_dir():
            put_aside(path)
    for path in FILES:
        file(path)


def close_to_others() -> None:
    """Takes other users' rights to what .stack contains: an earlier version or a `chmod -R` gave them. Raises OSError.

    New files need no repair: the stack runs with umask 077.
    """
    for path in _contents():
        with suppress(FileNotFoundError):  # a server has removed it meanwhile
            state = path.lstat()
            if not path.is_symlink() and state.st_mode & 0o077 and os.geteuid() in (0, state.st_uid):
                path.chmod(state.st_mode & 0o700)


def _contents() -> Iterator[Path]:
    """Yields what lies in .stack, but not inside Postgres's data folder, which Postgres keeps closed itself.

    The broker's configuration is left out: in a container, the broker reads it as another user. Its folder keeps the
    users of this machine out.
    """
    for above, folders, files in os.walk(STACK):
        here = Path(above)
        yield from (here / name for name in folders)
        configuration = [name for name in files if here == RABBITMQ_HOME and (RABBITMQ_TEMPLATES / name).exists()]
        yield from (here / name for name in files if name not in configuration)
        folders[:] = [name for name in folders if here / name != POSTGRES_DATA]


def folder(path: Path) -> Path:
    """Makes this folder of .stack, and puts aside a file in its place. Raises OSError."""
    if not path.is_dir():
        put_aside(path)
        path.mkdir(parents=True)
    return path


def file(path: Path) -> Path:
    """Returns the path of a file of .stack, which may be missing; puts aside a folder in its place. Raises OSError."""
    if not path.is_file():
        put_aside(path)
    return path


def put_aside(path: Path) -> None:
    """Adds ASIDE to the name of a path if it exists, and removes an earlier path of that name. Raises OSError."""
    if not (path.exists() or path.is_symlink()):
        return
    aside = path.with_name(path.name + ASIDE)
    if aside.is_dir() and not aside.is_symlink():
        shutil.rmtree(aside)
    else:
        aside.unlink(missing_ok=True)
    path.rename(aside)
    say(f"{path} had the wrong type, and was renamed to {aside.name}")
