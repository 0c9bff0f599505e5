"""A program to be supervised, as a value, and how it is written in supervisor's language. No I/O."""

import shlex
from dataclasses import dataclass, field
from pathlib import Path

from deploy.stack.failure import StackError
from deploy.stack.paths import from_root

CHARACTERS = {"HASH": "#", "SEMICOLON": ";", "NEWLINE": "\n", "RETURN": "\r"}
"""Characters that would end a value in supervisor's file, whatever surrounds them. supervisord has them in variables of
its environment, and the file names the variables."""

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
    """Higher ones are stopped before lower ones; supervisor's own default."""

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
            # A process that lived for a second and dies is restarted at once, one that died sooner after a pause
            # that grows by a second each time: twenty outlast any restart of a server by minutes.
            "startsecs=1",
            "startretries=20",
            f"stopsignal={self.stop_signal}",
            f"stopwaitsecs={self.stop_seconds_max}",
            "killasgroup=true",
            # supervisor expands this one value twice.
            f"stdout_logfile={plain(plain(from_root(self.log)))}",
            "stdout_logfile_maxbytes=10MB",
            "stdout_logfile_backups=3",
            "redirect_stderr=true",
        ]
        if self.user:
            lines.append(f"user={self.user}")
        return "\n".join(lines) + "\n"


def variables() -> dict[str, str]:
    """The variables that `plain` names; supervisord needs them in its environment."""
    return {VARIABLE.format(name): character for name, character in CHARACTERS.items()}


def assignment(name: str, value: str) -> str:
    """A variable as supervisor's list of them has it, which knows two kinds of quotes and no escape for either.

    Raises StackError, without the value, which may be a password.
    """
    if value.strip(QUOTES) != value or all(quote in value for quote in QUOTES):
        raise StackError(
            f"{name}: supervisord cannot pass on its value, which begins or ends with a quote, or holds both ' and \";"
            " use another (in an address, %27 stands for ' and %22 for \")"
        )
    if not _is_utf_8(value):
        raise StackError(f"{name}: supervisord cannot pass on its value, which is not UTF-8; use another")
    quote = "'" if '"' in value else '"'
    return f"{name}={quote}{plain(value)}{quote}"


def plain(value: str) -> str:
    """A value as supervisor reads it back: % begins the name of a variable. Raises StackError."""
    if not _is_utf_8(value):
        raise StackError(f"supervisord cannot pass on {value!r}, which is not UTF-8; use another name")
    value = value.replace("%", "%%")
    for name, character in CHARACTERS.items():
        value = value.replace(character, f"%(ENV_{VARIABLE.format(name)})s")
    return value


def _is_utf_8(value: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in value)
