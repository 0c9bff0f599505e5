"""Host names under which the site answers; `webapp.security` refuses requests for any other name.

Otherwise a stranger could point a name of theirs at this machine, and their pages could read the site's answers as if
these were their own. No I/O here.
"""

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from werkzeug.sansio.utils import host_is_trusted

from schema.errors import SettingsError

LOOPBACK = frozenset(("localhost", "127.0.0.1", "::1"))
WILDCARDS = frozenset(("0.0.0.0", "::"))
"""Addresses that mean "listen everywhere": nobody addresses the site by them."""

REFUSAL = (
    "Day Trade does not answer under this host name. Use the site's own address. If this is the site's own address,"
    " its operator must add the name to the setting WEB_TRUSTED_HOSTS."
)

_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|[0-9a-f:.]*:[0-9a-f:.]+")


def read_names(text: str) -> frozenset[str]:
    """The names in the setting WEB_TRUSTED_HOSTS, separated by commas. Raises SettingsError."""
    names = frozenset(name.strip().strip("[]").lower() for name in text.split(",") if name.strip())
    if not all(_NAME.fullmatch(name) for name in names):
        raise SettingsError(
            "WEB_TRUSTED_HOSTS: must be host names or addresses without scheme and port, separated by commas"
            " (trade.example,192.0.2.7)"
        )
    return names


def trusted_names(host: str, live_url: str, added: frozenset[str]) -> frozenset[str]:
    """All names of the site: this machine's own, those in its settings WEB_HOST and LIVE_URL, and the added ones."""
    configured = (host.strip("[]").lower(), urlsplit(live_url).hostname or "")
    return LOOPBACK | added | {name for name in configured if name and name not in WILDCARDS}


def is_trusted(host: str, names: Collection[str]) -> bool:
    """Whether the text of a Host header, with or without a port, has one of these names."""
    return host_is_trusted(host) and urlsplit(f"//{host}").hostname in names
