"""Where things are. Names of files only: nothing here reads, writes or makes one."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
STACK = ROOT / ".stack"

RECORD = STACK / "stack.json"
RECORD_COPY = STACK / "stack.copy.json"
LOCK = STACK / "lock"
LOGS = STACK / "log"
SUPERVISOR_CONFIG = STACK / "supervisord.conf"
WORKER_CONFIGS = STACK / "supervisor.d"
POSTGRES_DATA = STACK / "postgres"
POSTGRES_CONFIG = ROOT / "deploy" / "servers" / "postgresql.conf"
RABBITMQ_HOME = STACK / "rabbitmq"
RABBITMQ_TEMPLATES = ROOT / "rabbitmq"
COMPOSE_FILE = ROOT / "deploy" / "compose.yaml"


def from_root(path: Path | str) -> str:
    """The path as seen from the project's root, where supervisord runs; one that lies elsewhere stays absolute.

    A checkout may lie under any name. A program whose configuration never holds that name cannot stumble over it.
    """
    return os.path.relpath(path, ROOT) if Path(path).is_relative_to(ROOT) else str(path)


def log_tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log, or a word on why there are none."""
    try:
        text = log.read_text(errors="replace")
    except OSError:
        return "(no log)"
    return "\n".join(text.splitlines()[-lines:]) or "(the log is empty)"
