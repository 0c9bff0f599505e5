"""Addresses of servers, which may name several hosts: `amqp://user:password@h1:5672,h2:5672/vhost`. Nothing connects.

The parts between hosts are those of libpq, which reads `postgresql://` addresses itself. Every other reader of an
address uses this module, because `urllib` knows one host only.
"""

from urllib.parse import parse_qs, quote, urlsplit


def one_of_each_host(url: str) -> list[str]:
    """The same address once for each of its hosts, in their order; each names one host.

    Raises ValueError for a port that is not a number from 1 to 65535, an empty host beside others, and an incomplete
    IPv6 address.
    """
    scheme, mark, rest = url.partition("://")
    end = min((at for at in map(rest.find, "/?#") if at >= 0), default=len(rest))
    login, at, hosts = rest[:end].rpartition("@")
    named = hosts.split(",")
    urls = [f"{scheme}{mark}{login}{at}{host}{rest[end:]}" for host in named]
    for host, single in zip(named, urls, strict=True):
        if urlsplit(single).port == 0 or (len(named) > 1 and not urlsplit(single).hostname):
            raise ValueError(f"{host!r} is not a host and a port")
    return urls


def postgres_hosts(url: str) -> int:
    """The number of hosts in a Postgres address, which may also be in its query, as libpq reads it.

    Raises ValueError for a port that is not one, and for a number of ports that is neither one nor that of the hosts.
    """
    query = parse_qs(urlsplit(url).query, keep_blank_values=True)
    hosts = query.get("hostaddr") or query.get("host")
    count = len(hosts[-1].split(",")) if hosts else len(one_of_each_host(url))
    ports = query.get("port", [""])[-1].split(",")
    if len(ports) not in (1, count):
        raise ValueError(f"{len(ports)} ports for {count} hosts")
    for port in filter(None, ports):
        if not (port.isascii() and port.isdecimal() and 1 <= int(port) <= 65535):
            raise ValueError(f"{port!r} is not a port")
    return count


def login_of(url: str) -> tuple[str | None, str | None]:
    """The user and the password in an address, as they are written there."""
    parts = urlsplit(url)
    return parts.username, parts.password


def with_login(url: str, user: str, password: str) -> str:
    """The same address with another user and password."""
    parts = urlsplit(url)
    hosts = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=f"{quote(user, safe='')}:{quote(password, safe='')}@{hosts}").geturl()
