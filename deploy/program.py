"""A program to be supervised, as a value, and how it is written in supervisor's language. No I/O."""

import shlex
from dataclasses import dataclass, field
from pathlib import Path

from deploy.failure import StackError


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
        variables = ",".join(f"{key}={_quoted(value)}" for key, value in sorted(self.environment.items()))
        lines = [
            f"[program:{self.name}]",
            f"command={plain(shlex.join(self.command))}",
            f"directory={plain(str(self.directory))}",
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
            f"stdout_logfile={plain(plain(str(self.log)))}",
            "stdout_logfile_maxbytes=10MB",
            "stdout_logfile_backups=3",
            "redirect_stderr=true",
        ]
        if self.user:
            lines.append(f"user={self.user}")
        return "\n".join(lines) + "\n"


def plain(value: str) -> str:
    """A value as supervisor reads it back: % starts an expansion; a newline or ` ;` would end it unnoticed."""
    if "\n" in value or " ;" in value or " #" in value:
        raise StackError(f"a newline, ` ;` or ` #` cannot be passed on to a process: {value!r}")
    return value.replace("%", "%%")


def _quoted(value: str) -> str:
    if '"' in value:
        raise StackError(f"a double quote cannot be passed on to a process: {value!r}")
    return f'"{plain(value)}"'
