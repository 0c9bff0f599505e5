"""Checks of a command's input before the command starts, replaces or drops anything.

Each process checks its own settings as well. The same checks run here for all processes at once, so that a wrong
setting stops the command before it has changed anything.
"""

import errno
import os
import shlex
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.commands import misspelt
from deploy.stack import ports
from deploy.stack.failure import StackError
from deploy.stack.profiles import HOST, SITE
from deploy.stack.record import Record
from deploy.supervision import processes, site, supervisor
from deploy.supervision.processes import PLACEHOLDERS
from deploy.supervision.program import assignment
from runtime import output_file
from schema.environment import optional_integer
from schema.errors import SettingsError
from schema.settings import Settings, from_environment

CONNECT_SECONDS_MAX = 5

NUMBER_MAX = 100_000_000


def require_workers(profile: str, replicas: int) -> Settings:
    """Checks and returns all settings of the workers. Raises StackError."""
    given = os.environ.get("QUOTE_SERVER", "")
    with _translated():
        settings = from_environment(processes.environment_of(PLACEHOLDERS, given or f"{HOST}:1"))
        if settings.quote_source:
            _read_recording(settings.quote_source)
        output_file.require_writable_folder(settings.dump_dir, "DUMP_DIR")
    programs = processes.programs(profile, PLACEHOLDERS, replicas, given or f"{HOST}:1", own_quote_server=not given)
    for program in programs:
        program.section()
    return settings


def require_quote_server(settings: Settings) -> None:
    """Checks that a quote server listens at QUOTE_SERVER; connecting is free. Raises StackError."""
    if not os.environ.get("QUOTE_SERVER") or settings.quote_source:
        return
    host, port = settings.quote_server
    try:
        socket.create_connection((host, port), CONNECT_SECONDS_MAX).close()
    except OSError as error:
        raise StackError(
            f"QUOTE_SERVER={os.environ['QUOTE_SERVER']}: no quote server answers there ({error});"
            " start it, or leave QUOTE_SERVER unset to use the simulator"
        ) from error


def require_site(record: Record) -> None:
    """Checks the settings of the site's processes, and that the given ports are free. Raises StackError."""
    # These imports take half a second, for which other commands should not wait.
    from webapp import settings as web_settings  # noqa: PLC0415 - see above

    given = {variable: value for variable in site.PORT_VARIABLES.values() if (value := os.environ.get(variable))}
    # If no key is given, the site makes one when it starts.
    secret = {"SECRET_KEY": "x" * web_settings.SECRET_KEY_CHARACTERS_MIN}
    environment = PLACEHOLDERS.environment | secret | site.passed_on() | given
    with _translated():
        settings = web_settings.from_environment(environment)
    for name, value in site.passed_on().items():
        assignment(name, value)
    wanted = {"WEB_PORT": settings.port, "LIVE_PORT": settings.live_port}
    if len(set(wanted.values())) < len(wanted):
        raise StackError(f"WEB_PORT and LIVE_PORT are both {settings.port}: choose two different ports")
    _require_own_address(settings.host)
    site_ports = set(record.site_ports.values()) if _site_runs(record) else set()
    for variable in given:
        if wanted[variable] not in site_ports and not ports.is_free(wanted[variable]):
            raise StackError(
                f"{variable}={wanted[variable]}: cannot listen on this port: another program uses it, or"
                " only root may. Choose another port"
            )


def require_numbers(variables: tuple[str, ...]) -> None:
    """Checks that each of these variables is a whole number if it is set. Raises StackError."""
    with _translated():
        for name in variables:
            optional_integer(os.environ, name, 1, NUMBER_MAX)


def arguments_from(text: str) -> list[str]:
    """Splits ARGS as a shell would. Raises StackError."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise StackError(f"ARGS={text!r}: is not UTF-8, and pytest cannot pass it on")
    try:
        return shlex.split(text)
    except ValueError as error:
        raise StackError(f"ARGS={text}: {error}") from error


def require_file(name: str, variable: str) -> None:
    """Checks that this file or pipe can be read. Raises StackError."""
    try:
        mode = os.stat(name).st_mode
        if stat.S_ISREG(mode) or stat.S_ISDIR(mode):  # not a pipe: its writer fails once the pipe is opened and closed
            with Path(name).open("rb"):
                pass
        elif not os.access(name, os.R_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise StackError(f"{variable}={name}: {error.strerror}") from error


def require_yes_or_nothing(variable: str) -> bool:
    """Whether the variable is `yes`. Raises StackError if it is anything else than that or empty."""
    if (given := os.environ.get(variable, "")) not in ("", "yes"):
        raise StackError(f"{variable}={given}: must be yes, or be left out")
    return given == "yes"


def refuse_on_command_line(variable: str) -> None:
    """Refuses a secret that stands on make's command line. Raises StackError."""
    if variable in os.environ.get(misspelt.GIVEN, "").split():
        raise StackError(
            f"{variable} on the command line can be read by every user of this machine. Choose another one now, and"
            f" leave it out, so that you are asked for it; a script puts it into the environment: export {variable}"
        )


def require_writable(name: str, variable: str) -> None:
    """Checks that this file can be written. Raises StackError."""
    with _translated():
        output_file.require_writable(Path(name), variable)


def _require_own_address(host: str) -> None:
    try:
        family, *_, address = socket.getaddrinfo(host.strip("[]"), 0, type=socket.SOCK_STREAM)[0]
        with socket.socket(family) as probe:
            probe.bind(address)
    except OSError as error:
        raise StackError(f"WEB_HOST={host}: this machine cannot listen on this address: {error.strerror}") from error


def _read_recording(path: Path) -> None:
    """Reads the recording as the quote cache will. Raises SettingsError."""
    # These imports take half a second, for which other commands should not wait.
    from quotecache.recorded import open_recording  # noqa: PLC0415 - see above

    open_recording(path)


def _site_runs(record: Record) -> bool:
    return supervisor.running(record) and f"{SITE}.{site.WEB.name}" in supervisor.processes(record)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except SettingsError as error:
        raise StackError(str(error)) from error
