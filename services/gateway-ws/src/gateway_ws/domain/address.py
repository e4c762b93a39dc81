"""Who is counted as one address."""

from ipaddress import IPv6Address, ip_address

_NETWORK_BITS = 64
"""What one household or machine gets of IPv6: all of it counts as one."""


def counted_as(forwarded_for: str | None, peer: str) -> str:
    """Return under which name a connection is counted.

    *forwarded_for* is the header's value: its last entry was set by the proxy that
    talks to us, everything before it by whoever wanted to. Without it *peer* counts.
    """
    text = peer if forwarded_for is None else forwarded_for.rpartition(",")[2].strip()
    try:
        address = ip_address(text.strip("[]"))
    except ValueError:
        return peer
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return f"{int(address) >> _NETWORK_BITS:x}"
    return str(address)
