"""Browser of the browser tests: Debian's Chromium, which this module installs if it is missing and the user is root.

It starts no browser.
"""

import ctypes
from pathlib import Path

from deploy.servers import install
from deploy.stack.failure import StackError
from deploy.stack.progress import say

PROGRAMS = (Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium"))
"""Builds of Chromium that serve, the better one first. The one without windows takes a third of the CPU time."""

PACKAGE = PROGRAMS[0].name

LIBRARY, ITS_PACKAGE = "libatomic.so.1", "libatomic1"
"""Library that Playwright's driver needs and a minimal Debian lacks, and its package."""


def ensure() -> None:
    """Installs the browser, or says that the browser tests will fail without it. All other tests can run."""
    missing = [PACKAGE] * (program() is None) + [ITS_PACKAGE] * (not _has_library())
    if not missing:
        return
    if install.can_install():
        _install(missing)
    else:
        wanted = " ".join(missing)
        say(f"{wanted} is missing: the browser tests will fail. Debian: sudo apt-get install {wanted}")


def _install(missing: list[str]) -> None:
    try:
        install.install(missing)
    except StackError:
        if PACKAGE not in missing:
            raise
        # Older lists of packages have only the build with windows.
        install.install([PROGRAMS[1].name if package == PACKAGE else package for package in missing])


def program() -> Path | None:
    """Returns the program of the browser; None if there is none."""
    return next(filter(Path.exists, PROGRAMS), None)


def _has_library() -> bool:
    try:
        ctypes.CDLL(LIBRARY)
    except OSError:
        return False
    return True
