"""Refuses to work on another user's files in this checkout, and says how to change their owner."""

import os
import shlex
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from deploy.stack.failure import StackError
from deploy.stack.paths import POSTGRES_DATA, ROOT, STACK
from runtime.file_owner import name_of

MADE_HERE = (".venv", ".stack", "dumps", "build", ".pytest_cache", ".hypothesis", ".ruff_cache", ".mypy_cache")


def refuse(uid: int, at_the_top_only: bool = False) -> None:
    """Raises StackError if a file that `uid` must be able to change belongs to another user. root can change all files.

    `at_the_top_only` is for a command that stops or shows servers. Servers that root started before a `chown` keep
    making files that belong to root, and only that command can stop them.
    """
    if uid == 0:
        return
    others = [(path, owner) for path, owner in (_at_the_top() if at_the_top_only else _made()) if owner != uid]
    if not others:
        return
    first, owner = others[0]
    whose = f"{first} belongs to {name_of(owner)}, so {name_of(uid)} cannot use it"
    if ROOT.stat().st_uid != uid:
        raise StackError(f"{whose}. Use a checkout of your own")
    elsewhere = [path for path, _ in others if not path.is_relative_to(ROOT)][:1]
    folders = " ".join(shlex.quote(str(folder)) for folder in (ROOT, *elsewhere))
    raise StackError(f"{whose}. Run this once: sudo chown -R {name_of(uid)}: {folders}")


def _made() -> Iterator[tuple[Path, int]]:
    """Yields the paths that this project makes in a checkout, with their owners, and all files in .stack.

    It follows the link to Postgres's data. In dumps it yields folders only: files there are replaced, never changed.
    """
    yield from _at_the_top()
    yield from _inside(STACK, with_files=True)
    yield from _inside(ROOT / "dumps", with_files=False)
    with suppress(PermissionError):  # a folder above is another user's, which the lines above have yielded
        if POSTGRES_DATA.is_symlink() and POSTGRES_DATA.exists():
            folder = POSTGRES_DATA.resolve()
            yield from _owned(folder)
            yield from _inside(folder, with_files=True)


def _at_the_top() -> Iterator[tuple[Path, int]]:
    for name in MADE_HERE:
        yield from _owned(ROOT / name)
    if os.access(STACK, os.R_OK | os.X_OK) and STACK.is_dir():
        for path in STACK.iterdir():
            yield from _owned(path)


def _inside(folder: Path, with_files: bool) -> Iterator[tuple[Path, int]]:
    """Yields the contents of a folder and of its subfolders, as far as this user may read them."""
    for above, folders, files in os.walk(folder):
        for name in (*folders, *(files if with_files else ())):
            yield from _owned(Path(above, name))
        folders[:] = [name for name in folders if os.access(Path(above, name), os.R_OK | os.X_OK)]


def _owned(path: Path) -> Iterator[tuple[Path, int]]:
    with suppress(FileNotFoundError):  # it was never made, or a server has removed it meanwhile
        yield path, path.lstat().st_uid
