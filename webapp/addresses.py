"""Networks of clients: the part of an address by which limits tell clients apart. No request and no I/O here."""

from ipaddress import IPv6Address, ip_address

IPV6_PREFIX_BITS = 64
"""Bits of an IPv6 address that count: one line of a provider gets at least all addresses below them."""

UNKNOWN = "unknown"


def network_of(address: str | None) -> str:
    """The network that counts as one client: an IPv4 address itself, an IPv6 address's /64.

    An IPv4 address that is written as IPv6 (::ffff:192.0.2.1) is the same client. All texts that are no address are one
    client too, because a client may choose such a text.
    """
    try:
        found = ip_address((address or "").partition("%")[0])
    except ValueError:
        return UNKNOWN
    if not isinstance(found, IPv6Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    dropped = 128 - IPV6_PREFIX_BITS
    return f"{IPv6Address(int(found) >> dropped << dropped)}/{IPV6_PREFIX_BITS}"
