"""Settings of the web's processes, in addition to those of all processes (`schema.settings`)."""

import os
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from schema import settings
from schema.commands import Allowances
from schema.environment import choice, integer
from schema.errors import SettingsError
from schema.settings import Settings
from webapp.trusted_hosts import read_names, trusted_names

SECRET_KEY_CHARACTERS_MIN = 32
SECRET_KEY_FILE = ".stack/web_secret_key"


@dataclass(frozen=True)
class WebSettings:
    """Settings of one web process; `from_environment` reads them once, at start."""

    base: Settings
    secret_key: str = field(repr=False)
    """Signs cookies; anyone who knows it can pose as any person. All processes of a site share it."""
    host: str
    port: int
    live_port: int
    live_url: str
    """Address of the live updates: a path of the site, or an address on its host; empty: at `live_port`."""
    trusted_hosts: frozenset[str]
    """Host names under which the site answers; requests for any other name are refused."""
    https: bool
    """Whether browsers reach the site by https (through a proxy): they then send cookies by https only."""
    proxies: int
    """Number of trusted proxies before the site, which pass on the client's address in X-Forwarded-For."""
    threads: int
    """Requests served at once."""
    waiting_max: int
    """Maximum requests that wait for an outcome at once; the remaining threads serve pages."""
    waiting_each_max: int
    """Maximum requests of one person that wait for an outcome at once."""
    streams_max: int
    """Maximum open streams of live updates; one more is refused and told when to retry."""
    streams_each_max: int
    """Maximum open streams of one person."""
    streams_network_max: int
    """Maximum open streams of one network (`webapp.addresses`)."""
    allowances: Allowances
    """Allowances of each person's commands: armed trigger orders, and paid quotes a UTC day (spec §3a)."""
    dumps_an_hour: int
    """Maximum dumps of the log that one person may request in an hour."""
    limits: bool
    """Whether logins, guesses, sign-ups, pages, calls and dumps are limited; off only in tests and benchmarks."""


def from_environment(environment: Mapping[str, str]) -> WebSettings:
    """Reads the settings. Raises SettingsError with the variable's name and its allowed values."""
    port = integer(environment, "WEB_PORT", 8080, 1, 65535)
    threads = integer(environment, "WEB_THREADS", 32, 1, 256)
    host = environment.get("WEB_HOST") or "127.0.0.1"
    live_url = _live_url(environment.get("LIVE_URL") or "")
    return WebSettings(
        base=settings.from_environment(environment),
        secret_key=_secret_key(environment),
        host=host,
        port=port,
        live_port=integer(environment, "LIVE_PORT", 8081, 1, 65535),
        live_url=live_url,
        trusted_hosts=trusted_names(host, live_url, read_names(environment.get("WEB_TRUSTED_HOSTS") or "")),
        https=choice(environment, "WEB_HTTPS", ("no", "yes")) == "yes",
        proxies=integer(environment, "WEB_PROXIES", 0, 0, 5),
        threads=threads,
        waiting_max=integer(environment, "WEB_WAITING_MAX", max(1, threads // 2), 1, threads),
        waiting_each_max=integer(environment, "WEB_WAITING_EACH_MAX", min(4, threads), 1, threads),
        streams_max=integer(environment, "LIVE_STREAMS_MAX", 1_200, 1, 20_000),
        streams_each_max=integer(environment, "LIVE_STREAMS_EACH_MAX", 10, 1, 20_000),
        streams_network_max=integer(environment, "LIVE_STREAMS_NETWORK_MAX", 200, 1, 20_000),
        allowances=Allowances(
            armed_max=integer(environment, "TRIGGER_ALLOWANCE", 25, 0, 1_000),
            paid_quotes_max=integer(environment, "QUOTE_ALLOWANCE", 500, 0, 1_000_000),
        ),
        dumps_an_hour=integer(environment, "DUMPS_AN_HOUR", 30, 1, 100_000),
        limits=choice(environment, "WEB_LIMITS", ("on", "off")) == "on",
    )


def _live_url(text: str) -> str:
    parts = urlsplit(text)
    is_path = not parts.scheme and not parts.netloc and parts.path.startswith("/")
    is_address = parts.scheme in ("http", "https") and parts.hostname
    if (text and not (is_path or is_address)) or parts.query or parts.fragment:
        raise SettingsError("LIVE_URL: must be a path of the site (/live) or an address (https://its.host:8443/live)")
    return text


def _secret_key(environment: Mapping[str, str]) -> str:
    key = environment.get("SECRET_KEY")
    if not key:
        return _kept_key(Path(environment.get("SECRET_KEY_FILE") or SECRET_KEY_FILE))
    if len(key) < SECRET_KEY_CHARACTERS_MIN:
        raise SettingsError(f"SECRET_KEY: must have at least {SECRET_KEY_CHARACTERS_MIN} characters")
    return key


def _kept_key(file: Path) -> str:
    """The key in the file. The first process makes it and writes it atomically, readable by the file's owner only.

    Raises SettingsError if the file holds none. After a crash it may be empty, or hold zeros, which anybody can guess.
    """
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f"{file.name}.{os.getpid()}.{time.monotonic_ns()}")
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_hex(32) + "\n")
        try:
            os.link(draft, file)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    content = file.read_bytes().strip()
    if not re.fullmatch(rb"[ -~]{%d,}" % SECRET_KEY_CHARACTERS_MIN, content):
        raise SettingsError(
            f"{file}: holds no secret key of at least {SECRET_KEY_CHARACTERS_MIN} characters: remove it; the site then"
            " makes a new one, and everybody has to log in again"
        )
    return content.decode()
