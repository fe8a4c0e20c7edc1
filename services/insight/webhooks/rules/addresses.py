"""Which addresses may be connected to: none that is inside.

A name says little about where it leads, and may lead elsewhere a moment later. So what counts is
the address that is about to be connected to, in whatever form a resolver wraps it.
"""

from __future__ import annotations

import ipaddress
from ipaddress import IPv4Address, IPv6Address

_LOOPBACK = ("127.0.0.0/8", "::1/128")
_PRIVATE = (*_LOOPBACK, "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")

# The special-purpose registries of IANA, what is for groups or reserved, and servers of clouds that
# tell a machine its secrets.
_CLOSED = (
    "0.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24",
    "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4",
    "240.0.0.0/4", "168.63.129.16/32", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
    "fd00:ec2::254/128",
)  # fmt: skip
_GLOBAL_V6 = "2000::/3"  # beyond it nothing has been given to anybody
_NAT64 = "64:ff9b::/96"

Address = IPv4Address | IPv6Address


def is_permitted(text: str, *, allow_private: bool) -> bool:
    """Whether it may be connected to; `allow_private` adds loopback and private networks."""
    address = _unwrapped(ipaddress.ip_address(text.partition("%")[0]))
    if _within(address, *_CLOSED):
        return False
    if _within(address, *_PRIVATE):
        return allow_private
    return address.version == 4 or _within(address, _GLOBAL_V6)  # noqa: PLR2004 - a version


def is_loopback(text: str) -> bool:
    """Whether it never leaves the machine."""
    return _within(_unwrapped(ipaddress.ip_address(text.partition("%")[0])), *_LOOPBACK)


def _unwrapped(address: Address) -> Address:
    """The IPv4 address that an IPv6 one leads to, where it does."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if _within(address, _NAT64):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address


def _within(address: Address, *networks: str) -> bool:
    return any(address in ipaddress.ip_network(network) for network in networks)
