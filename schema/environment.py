"""Readers of single environment variables. Each raises SettingsError with the variable's name and what it may be.

`schema.settings` and `webapp.settings` list the variables and their meanings.
"""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from schema import addresses
from schema.errors import SettingsError

SHOWN_CHARACTERS_MAX = 60
"""Maximum characters of a wrong value that an error message shows."""


NAMED = {"AMQP_URL": "the RabbitMQ server to use", "DATABASE_URL": "the Postgres database to use"}
"""Meanings of the two variables that nearly every process needs."""

SCHEMES = {"AMQP_URL": ("amqp", "amqps"), "DATABASE_URL": ("postgresql", "postgres", "postgresql+psycopg")}
"""Beginnings of the addresses in these variables, up to the colon."""

EXAMPLES = {"AMQP_URL": "amqp://user:password@host:5672/vhost", "DATABASE_URL": "postgresql://user:password@host/name"}

SEVERAL_HOSTS = "several hosts as host1:port1,host2:port2"


def required(environment: Mapping[str, str], name: str) -> str:
    """The text of a variable that has no default. Raises SettingsError, which says how to get it.

    The address of a server is checked too.
    """
    value = environment.get(name)
    if not value:
        meaning = f"it names {NAMED[name]}. " if name in NAMED else ""
        raise SettingsError(
            f"{name} is not set: {meaning}`make env` prints it while the stack runs (`make up` starts the stack), and"
            " `export $(make env)` sets it in this shell"
        )
    if name in SCHEMES:
        require_server_address(name, value)
    return value


def require_server_address(name: str, text: str) -> None:
    """Checks the address of a server. Raises SettingsError without the address, which may contain a password."""
    try:
        well = urlsplit(text).scheme in SCHEMES[name] and "\0" not in text
        addresses.one_of_each_host(text)
        if name == "DATABASE_URL":
            addresses.postgres_hosts(text)
        text.encode()
    except ValueError:  # a port that is not a number, an incomplete IPv6 address, or bytes that are not UTF-8
        well = False
    if not well:
        raise SettingsError(f"{name} is not a valid address: it must look like {EXAMPLES[name]}, {SEVERAL_HOSTS}")


def choice(environment: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    """One of the allowed words, in lower case; the first of them is the default."""
    value = (environment.get(name) or allowed[0]).lower()
    if value not in allowed:
        raise SettingsError(f"{name}={_short(value)}: must be one of {', '.join(allowed)}")
    return value


def integer(environment: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    """A whole number within these bounds."""
    value = optional_integer(environment, name, least, most)
    return default if value is None else value


def optional_integer(environment: Mapping[str, str], name: str, least: int, most: int) -> int | None:
    """A whole number within these bounds; None if the variable is unset or empty."""
    text = environment.get(name)
    if not text:
        return None
    value = whole_number(text, least, most)
    if value is None:
        raise SettingsError(f"{name}={_short(text)}: must be a whole number from {least} to {most}")
    return value


def whole_number(text: str, least: int, most: int) -> int | None:
    """The value of decimal digits; None for any other text, and for a value out of these bounds."""
    if not (text.isascii() and text.isdecimal() and len(text.lstrip("0")) <= len(str(most))):
        return None
    value = int(text)
    return value if least <= value <= most else None


def _short(text: str) -> str:
    return repr(text if len(text) <= SHOWN_CHARACTERS_MAX else f"{text[:SHOWN_CHARACTERS_MAX]}…")


def file_or(environment: Mapping[str, str], name: str, default: str) -> Path | None:
    """A path; None if the variable is unset, or has the value `default`, a word for "no file"."""
    text = environment.get(name) or default
    return None if text == default else Path(text)


def integer_or_off(environment: Mapping[str, str], name: str, least: int, most: int) -> int | None:
    """A whole number within these bounds, or None for `off`, which is the default."""
    text = environment.get(name) or "off"
    if text.lower() == "off":
        return None
    value = whole_number(text, least, most)
    if value is None:
        raise SettingsError(f"{name}={_short(text)}: must be off, or a whole number from {least} to {most}")
    return value


def address(environment: Mapping[str, str], name: str, default: str) -> tuple[str, int]:
    """A host and a port, without the brackets of an IPv6 host."""
    text = environment.get(name) or default
    host, separator, digits = text.rpartition(":")
    port = whole_number(digits, 1, 65535)
    if not separator or not host or port is None:
        raise SettingsError(f"{name}={_short(text)}: must be host:port")
    return host.strip("[]"), port
