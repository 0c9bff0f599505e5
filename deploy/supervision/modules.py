"""Runs modules of this project as child processes. It does not know what they do."""

import subprocess
import sys

from deploy.stack import caller
from deploy.stack.broker_roles import with_role
from deploy.stack.failure import StackError
from deploy.stack.paths import ROOT
from deploy.stack.profiles import Urls
from deploy.supervision import leftovers


def run_quietly(urls: Urls, module: str, *arguments: str, extra: dict[str, str] | None = None) -> None:
    """Runs a module. If it fails, raises StackError with the end of its output. `extra`: more variables."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=with_role(caller.for_modules() | urls.environment | (extra or {}), module, *arguments),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode:
        last = "\n".join(done.stdout.splitlines()[-15:])
        raise StackError(f"python -m {' '.join((module, *arguments))} failed with exit code {done.returncode}:\n{last}")


def output(urls: Urls, *commands: tuple[str, ...]) -> str:
    """Runs commands, each a module with its arguments, and returns their output. A failed one gives its error message.

    It is for optional information, whose failure should not end the caller.
    """
    return "\n".join(output for command in commands if (output := _output(urls, command)))


def _output(urls: Urls, command: tuple[str, ...]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=ROOT,
        env=with_role(caller.for_modules() | urls.environment, *command),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    return (done.stdout if done.returncode == 0 else done.stderr).strip()


def start(environment: dict[str, str], module: str, *arguments: str) -> subprocess.Popen[bytes]:
    """Starts a module that shares this terminal and its Ctrl-C. If this process is killed, `make down` ends it."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        env=with_role(caller.for_modules() | environment, module, *arguments) | leftovers.mark(),
        # A file that the shell opened may be meant for the child: WORKLOAD=<(command) is /dev/fd/63.
        close_fds=False,
    )
