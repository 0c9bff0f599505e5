"""Every setting of every process: its environment variable, unit, default and limits, in one place.

Constants that are part of the data or of the algorithms are not settings; they are defined beside the code they govern.
"""

import secrets
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from schema.bounds import INT64_MAX
from schema.environment import address, choice, file_or, integer, integer_or_off, required
from schema.errors import SettingsError
from schema.events import PRICE_CENTS_MAX, PRICE_CENTS_MIN

MEGABYTE = 10**6

REPLICA_CHARACTERS_MAX = 50
"""Maximum characters of a replica's name before its mark. Name and mark fit Postgres's application name (63 bytes)."""


@dataclass(frozen=True)
class DumpLimits:
    """Limits on the files of dumps. Sizes are in bytes; the variables give them in megabytes (10^6 bytes)."""

    files_each: int
    """Maximum files in one person's own folder; the oldest ones beyond it are removed."""
    bytes_each: int
    """Maximum bytes of the files in one person's own folder; the oldest ones beyond it are removed."""
    folder_files: int
    """Maximum files in the whole dump folder; beyond it a dump fails."""
    folder_bytes: int
    """Maximum bytes of all files in the dump folder; beyond it a dump fails."""


@dataclass(frozen=True)
class Settings:
    """Settings of a process. Read them once, at start, with `from_environment`."""

    amqp_url: str = field(repr=False)
    """URL with a password, as is `database_url`; neither is shown when the settings are printed."""
    database_url: str = field(repr=False)
    replica: str
    """Name of this process among its peers: `REPLICA`, the host, and a random mark that makes it unique."""
    dump_dir: Path
    dump_limits: DumpLimits
    quote_server: tuple[str, int]
    """Host and port of the legacy quote server."""
    quote_source: Path | None
    """File of recorded prices (`runtime.price_file`) to use instead of the quote server; None: use the server."""
    quotes: str
    """Delays of the simulated quote server: `realistic` (as measured) or `instant` (none)."""
    quote_seed: int
    quote_cost_cents: int
    """Price of one answer; an assumption, no source states it (spec §4)."""
    quote_timeout_ms: int
    """Time after which an attempt without an answer has failed; the slowest answer measured took 4,026 ms."""
    quote_prices_cents: tuple[int, int]
    """Least and greatest price that an answer may have (spec §4); another price is no price, and no trade uses it."""
    quote_attempts: int
    quote_connections: int
    """Maximum open requests to the legacy server. Client sockets run out before any limit of its own (spec §4)."""
    refreshes_a_minute: int | None
    """Maximum paid requests for armed triggers per minute in the whole system (spec §3a); None: no limit."""
    quote_hedge_ms: int | None
    """Time without an answer after which a second request is sent, and paid; None: never."""
    metrics_address: tuple[str, int] | None
    """Host and port at which this process serves its metrics and its health; None: nowhere."""
    log_level: str
    environment: Mapping[str, str] = field(repr=False, compare=False, default_factory=dict)

    @property
    def replica_prefix(self) -> str:
        """Prefix of the names of all processes that ever ran as this `REPLICA` on this host.

        Empty if there is no such prefix: `REPLICA` is not set, or the name was cut and may be that of others as well.
        """
        name = self.replica.rpartition("#")[0]
        return f"{name}#" if self.environment.get("REPLICA") and len(name) < REPLICA_CHARACTERS_MAX else ""


def from_environment(environment: Mapping[str, str]) -> Settings:
    """Reads all settings. Raises SettingsError with the variable's name and its allowed values."""
    if not __debug__:
        raise SettingsError("Python leaves out assertions, which guard every cent: unset PYTHONOPTIMIZE, and drop -O")
    return Settings(
        amqp_url=required(environment, "AMQP_URL"),
        database_url=required(environment, "DATABASE_URL"),
        replica=_replica_name(environment) + f"#{secrets.token_hex(4)}",
        dump_dir=Path(environment.get("DUMP_DIR") or "dumps"),
        dump_limits=_dump_limits(environment),
        quote_server=address(environment, "QUOTE_SERVER", "127.0.0.1:4444"),
        quote_source=file_or(environment, "QUOTE_SOURCE", "server"),
        quotes=choice(environment, "QUOTES", ("realistic", "instant")),
        quote_seed=integer(environment, "QUOTE_SEED", 1, 0, 2**63 - 1),
        quote_cost_cents=integer(environment, "QUOTE_COST_CENTS", 5, 0, 1_000_000),
        quote_timeout_ms=integer(environment, "QUOTE_TIMEOUT_MS", 5_000, 10, 60_000),
        quote_prices_cents=_prices(environment),
        quote_attempts=integer(environment, "QUOTE_ATTEMPTS", 3, 1, 10),
        quote_connections=integer(environment, "QUOTE_CONNECTIONS", 1_000, 1, 10_000),
        refreshes_a_minute=_refreshes(environment),
        quote_hedge_ms=integer_or_off(environment, "QUOTE_HEDGE", 1, 60_000),
        metrics_address=_metrics_address(environment),
        log_level=choice(environment, "LOG_LEVEL", ("info", "debug", "warning", "error")),
        environment=environment,
    )


def _metrics_address(environment: Mapping[str, str]) -> tuple[str, int] | None:
    port = integer(environment, "METRICS_PORT", 0, 0, 65_535)
    return (environment.get("METRICS_HOST") or "127.0.0.1", port) if port else None


def _dump_limits(environment: Mapping[str, str]) -> DumpLimits:
    return DumpLimits(
        files_each=integer(environment, "DUMP_FILES_EACH", 20, 1, 10_000),
        bytes_each=integer(environment, "DUMP_MB_EACH", 256, 1, 1_000_000) * MEGABYTE,
        folder_files=integer(environment, "DUMP_FOLDER_FILES", 100_000, 1, 10_000_000),
        folder_bytes=integer(environment, "DUMP_FOLDER_MB", 20_000, 1, 100_000_000) * MEGABYTE,
    )


def _prices(environment: Mapping[str, str]) -> tuple[int, int]:
    least = integer(environment, "QUOTE_PRICE_MIN_CENTS", PRICE_CENTS_MIN, PRICE_CENTS_MIN, INT64_MAX)
    greatest = integer(environment, "QUOTE_PRICE_MAX_CENTS", max(least, PRICE_CENTS_MAX), least, INT64_MAX)
    return least, greatest


def _replica_name(environment: Mapping[str, str]) -> str:
    name = environment.get("REPLICA") or "replica"
    if not (name.isascii() and name.isprintable()):
        raise SettingsError(f"REPLICA={name!r}: must be printable ASCII; Postgres names connections by nothing else")
    return f"{name}@{socket.gethostname()}"[:REPLICA_CHARACTERS_MAX]


def _refreshes(environment: Mapping[str, str]) -> int | None:
    if (environment.get("REFRESH_BUDGET") or "").lower() == "off":
        return None
    return integer(environment, "REFRESH_BUDGET", 600, 0, 1_000_000)
