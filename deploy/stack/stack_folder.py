"""Keeps .stack in order: folders where folders belong, files where files belong. What is in them is not known here."""

import os
import shutil
from pathlib import Path

from deploy.stack.failure import StackError
from deploy.stack.paths import LOCK, LOGS, RABBITMQ_HOME, RECORD, RECORD_COPY, STACK, SUPERVISOR_CONFIG, WORKER_CONFIGS
from deploy.stack.progress import say

FOLDERS = (LOGS, WORKER_CONFIGS, RABBITMQ_HOME)
FILES = (RECORD, RECORD_COPY, LOCK, SUPERVISOR_CONFIG, SUPERVISOR_CONFIG.with_suffix(".pid"))

ASIDE = ".damaged"
"""Added to the name of what is put aside."""


def ensure() -> None:
    """Makes .stack, and puts aside what is of the wrong kind in it. Raises StackError, OSError.

    Others may pass through (Postgres runs as another user when we are root) but not list what is inside.
    """
    if not STACK.is_dir():
        if STACK.exists() or STACK.is_symlink():
            raise StackError(f"{STACK} must be a folder and is none: remove it, or `make clean` does")
        STACK.mkdir()
    os.chmod(STACK, 0o711)
    for path in FOLDERS:
        if not path.is_dir():
            put_aside(path)
    for path in FILES:
        file(path)


def folder(path: Path) -> Path:
    """Makes this folder of .stack; a file in its place is put aside. Raises OSError."""
    if not path.is_dir():
        put_aside(path)
        path.mkdir(parents=True)
    return path


def file(path: Path) -> Path:
    """The path of a file of .stack, which may be missing; a folder in its place is put aside. Raises OSError."""
    if not path.is_file():
        put_aside(path)
    return path


def put_aside(path: Path) -> None:
    """Renames what is there; an earlier one of that name goes. Nothing where nothing is. Raises OSError."""
    if not (path.exists() or path.is_symlink()):
        return
    aside = path.with_name(path.name + ASIDE)
    if aside.is_dir() and not aside.is_symlink():
        shutil.rmtree(aside)
    else:
        aside.unlink(missing_ok=True)
    path.rename(aside)
    say(f"{path} was not what belongs there; it is now {aside.name}")
