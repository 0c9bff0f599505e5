"""The outermost frame of every command and process: any exception becomes one line and an exit code.

Commands report the failures that they foresee themselves. This module handles the others: those of the machine (a full
disk, a file of another user), and mistakes in this project, whose traceback goes to a file and not to the screen.
"""

import contextlib
import errno
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from schema.errors import DayTradeError, SettingsError

ROOT = Path(__file__).resolve().parent.parent
LOGS = ROOT / ".stack" / "log"

FAILED, MISUSED, MISTAKE, INTERRUPTED, NO_READER = 1, 2, 70, 130, 141
"""Exit codes. MISTAKE (EX_SOFTWARE of sysexits.h) means a mistake in this project's code.

The last two are the codes that a shell gives for SIGINT and SIGPIPE.
"""

REMEDIES = {
    errno.ENOSPC: "the disk is full; free some space",
    errno.EDQUOT: "your share of the disk is used up; free some space",
    errno.EROFS: "the file system is read-only; use another folder, or mount it writable",
    errno.EACCES: "check the owner and the permissions",
    errno.EPERM: "check the owner and the permissions",
    errno.EFBIG: "a limit on the size of files is set; raise it (ulimit -f unlimited)",
    errno.EMFILE: "too many files are open; raise the limit (ulimit -n 4096)",
    errno.ENFILE: "too many files are open on this machine; end other programs",
    errno.ENOMEM: "there is not enough memory; end other programs, or add memory or swap",
    errno.EAGAIN: "the machine has no processes or threads left; end other programs",
}
"""Meaning of an operating system's error, and what to do."""

REINSTALL = "Run `rm -r .venv`, then `make venv`, which installs all packages anew"
"""Remedy for a package that is missing or damaged. A crash may leave files empty, which pip would not notice."""

FAULT = "This is a fault in Day Trade, not in your input"


def run(name: str, main: Callable[[], int | None]) -> NoReturn:
    """Runs `main` and ends this process with the code that it returns; prints one line if `main` raises."""
    sys.exit(code_of(name, main))


def run_process(name: str, main: Callable[[], int | None], about: str, logged: bool = True) -> NoReturn:
    """Does what `run` does, for a process that takes no arguments: `--help` prints `about`, before any setting is read.

    `logged`: its standard error is a log, so a traceback goes there before the line.
    """
    sys.exit(code_of(name, lambda: _help_or_main(name, main, about, sys.argv[1:]), logged))


def code_of(name: str, main: Callable[[], int | None], logged: bool = False) -> int:
    """Runs `main` and returns the exit code. It re-raises only SystemExit, which ends the process in its own way."""
    try:
        code = main() or 0
        if sys.stdout:  # None if the caller closed it (>&-)
            sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return _say(f"{name}: interrupted", INTERRUPTED)
    except SettingsError as error:
        return _say(f"{name}: {error}", MISUSED)
    except DayTradeError as error:
        return _say(f"{name}: {error}", FAILED)
    except OSError as error:
        if logged:
            traceback.print_exc()
        if error.filename is None:
            _give_up_output()
        if isinstance(error, BrokenPipeError):  # the reader of the output (head, less) has ended
            return NO_READER
        return _say(f"{name}: {described(error)}", FAILED)
    except Exception as error:
        if _comes_from_an_import(error):
            if logged:
                traceback.print_exc()
            return _say(f"{name}: a package cannot be loaded ({_one_line(str(error))}). {REINSTALL}", FAILED)
        return _say(f"{name}: {_summary(error)}. {FAULT}{_keep(name, logged)}", MISTAKE)


def _help_or_main(name: str, main: Callable[[], int | None], about: str, arguments: list[str]) -> int | None:
    if {"-h", "--help"} & set(arguments):
        print(about.strip())
        return 0
    if arguments:
        raise SettingsError(f"{arguments[0]!r} is not known: {name} takes no arguments; --help names its settings")
    return main()


def described(error: OSError) -> str:
    """Describes in one line what happened, to which file, and what to do."""
    what = _one_line(error.strerror or str(error) or type(error).__name__)
    where = f"{error.filename}: " if error.filename else ""
    remedy = REMEDIES.get(error.errno or 0, "")
    if not remedy and str(error.filename).startswith(f"{ROOT / '.stack'}{os.sep}"):
        remedy = "`make clean` removes .stack, with the data of the last run"
    return f"{where}{what}" + f": {remedy}" * bool(remedy)


def _comes_from_an_import(error: Exception) -> bool:
    """Whether the error was raised while a module was loaded, and so by the files of a package, not by their use."""
    return any(frame.f_code.co_name == "<module>" for frame, _ in traceback.walk_tb(error.__traceback__))


def _keep(name: str, logged: bool) -> str:
    """Writes the traceback to a file or prints it; returns the end of the message, which says how to report it."""
    if logged:
        traceback.print_exc()
        return ". Please report it with this log"
    for folder in (LOGS, Path(tempfile.gettempdir())):
        file = folder / f"traceback-{name.replace(' ', '-')}-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.txt"
        if folder.is_dir():
            with contextlib.suppress(OSError):
                file.write_text(traceback.format_exc(), errors="replace")
                if os.geteuid() == 0:  # root may run this in another user's checkout, where all files stay that user's
                    os.chown(file, folder.stat().st_uid, folder.stat().st_gid)
                return f". Please report it with the file {file}"
    traceback.print_exc()
    return ". Please report it with the traceback above"


def _give_up_output() -> None:
    """Redirects standard output to /dev/null if it cannot be written; else Python would report that again at exit."""
    with contextlib.suppress(OSError, ValueError):
        if sys.stdout:
            sys.stdout.flush()
        return
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _summary(error: Exception) -> str:
    return f"{type(error).__name__}: {_one_line(str(error))}" if str(error) else type(error).__name__


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _say(text: str, code: int) -> int:
    with contextlib.suppress(OSError):
        print(text, file=sys.stderr, flush=True)
    return code
