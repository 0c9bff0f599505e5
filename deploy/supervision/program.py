"""A supervised program as a value, and its section in supervisord's configuration. No I/O."""

import shlex
from dataclasses import dataclass, field
from pathlib import Path

from deploy.stack.failure import StackError
from deploy.stack.paths import from_root

CHARACTERS = {"HASH": "#", "SEMICOLON": ";", "NEWLINE": "\n", "RETURN": "\r"}
"""Characters that end a value in supervisord's file, even in quotes. The file has a variable in place of each;
`variables` returns these variables for supervisord's environment."""

VARIABLE = "DAYTRADE_{}"
QUOTES = "'\""


@dataclass(frozen=True)
class Program:
    name: str
    command: tuple[str, ...]
    log: Path
    directory: Path
    environment: dict[str, str] = field(default_factory=dict)
    autostart: bool = True
    stop_signal: str = "TERM"
    stop_seconds_max: int = 15
    user: str = ""
    priority: int = 999
    """Programs with a higher priority stop before those with a lower one. 999 is supervisord's default."""

    def section(self) -> str:
        variables = ",".join(assignment(name, value) for name, value in sorted(self.environment.items()))
        lines = [
            f"[program:{self.name}]",
            f"command={plain(shlex.join(self.command))}",
            f"directory={plain(from_root(self.directory))}",
            f"environment={variables}",
            f"autostart={str(self.autostart).lower()}",
            f"priority={self.priority}",
            "autorestart=true",
            # supervisord restarts a process at once if it ran for a second, otherwise after a pause that grows by a
            # second each time. Twenty retries last minutes longer than any restart of a server.
            "startsecs=1",
            "startretries=20",
            f"stopsignal={self.stop_signal}",
            f"stopwaitsecs={self.stop_seconds_max}",
            "killasgroup=true",
            # supervisord expands only this value twice.
            f"stdout_logfile={plain(plain(from_root(self.log)))}",
            "stdout_logfile_maxbytes=10MB",
            "stdout_logfile_backups=3",
            "redirect_stderr=true",
        ]
        if self.user:
            lines.append(f"user={self.user}")
        return "\n".join(lines) + "\n"


def variables() -> dict[str, str]:
    """Returns the variables that `plain` refers to; supervisord needs them in its environment."""
    return {VARIABLE.format(name): character for name, character in CHARACTERS.items()}


def assignment(name: str, value: str) -> str:
    """Formats a variable for supervisord's list, which has two kinds of quotes and no escape for either.

    Raises StackError, without the value, which may be a password.
    """
    if value.strip(QUOTES) != value or all(quote in value for quote in QUOTES):
        raise StackError(
            f"{name}: supervisord cannot pass on its value: it begins or ends with a quote, or contains both ' and \"."
            " Use another value (in an address, %27 stands for ' and %22 for \")"
        )
    if not _is_utf_8(value):
        raise StackError(f"{name}: supervisord cannot pass on its value: it is not UTF-8. Use another value")
    quote = "'" if '"' in value else '"'
    return f"{name}={quote}{plain(value)}{quote}"


def plain(value: str) -> str:
    """Escapes a value for supervisord's file, where % begins the name of a variable. Raises StackError."""
    if not _is_utf_8(value):
        raise StackError(f"supervisord cannot pass on {value!r}, which is not UTF-8: use another name")
    value = value.replace("%", "%%")
    for name, character in CHARACTERS.items():
        value = value.replace(character, f"%(ENV_{VARIABLE.format(name)})s")
    return value


def _is_utf_8(value: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in value)
