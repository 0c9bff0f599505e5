"""Keeps .stack in order: folders where folders belong, files where files belong. It does not know their contents."""

import os
import shutil
from pathlib import Path

from deploy.stack.failure import StackError
from deploy.stack.paths import LOCK, LOGS, RABBITMQ_HOME, RECORD, RECORD_COPY, STACK, SUPERVISOR_CONFIG, WORKER_CONFIGS
from deploy.stack.progress import say

FOLDERS = (LOGS, WORKER_CONFIGS, RABBITMQ_HOME)
FILES = (RECORD, RECORD_COPY, LOCK, SUPERVISOR_CONFIG, SUPERVISOR_CONFIG.with_suffix(".pid"))

ASIDE = ".damaged"
"""Suffix that renames a file or folder that is put aside."""


def ensure() -> None:
    """Makes .stack and puts aside paths of the wrong kind in it. Raises StackError, OSError.

    Other users may pass through .stack (for root, Postgres runs as another user) but not list it.
    """
    if not STACK.is_dir():
        if STACK.exists() or STACK.is_symlink():
            raise StackError(f"{STACK} is not a folder: remove it, or run `make clean`")
        STACK.mkdir()
    os.chmod(STACK, 0o711)
    for path in FOLDERS:
        if not path.is_dir():
            put_aside(path)
    for path in FILES:
        file(path)


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
