"""Which URLs an endpoint may have.

One strict grammar reads a URL when it is saved and when it is sent to, so that nothing can mean one
thing to the check and another to the connection.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from services.insight.webhooks.errors import UrlRefused
from services.insight.webhooks.rules import addresses

MAX_LENGTH = 2048
_MAX_NAME = 253
_PORTS = {"https": 443, "http": 80}
_URL = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*)://"
    r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9.-]+)"
    r"(?::(?P<port>[1-9][0-9]{0,4}))?"
    r"(?P<path>(?:/(?:[\w.~!$&'()*+,;=:@/-]|%[0-9a-f]{2})*)?"
    r"(?:\?(?:[\w.~!$&'()*+,;=:@/?-]|%[0-9a-f]{2})*)?)",
    re.ASCII | re.IGNORECASE,
)
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")  # where a host ends so, many take it for an address
_LOCAL_NAMES = ("localhost", "local", "localdomain", "internal", "home.arpa")


@dataclass(frozen=True, slots=True)
class Target:
    """A URL in parts."""

    scheme: str
    host: str
    """A name in lower case, or an address without brackets."""
    port: int
    path: str
    """With the query."""

    @property
    def authority(self) -> str:
        """As the header `host` has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def read_url(url: str, *, allow_private: bool) -> Target:
    """The parts of a URL that may be sent to. Raises UrlRefused.

    That is `https` to a public name at port 443. `allow_private` adds addresses, local names and
    any port, and `http` to this machine.
    """
    target = _parts(url)
    literal = _literal(target.host)
    if literal is None:
        _require_name(target.host, allow_private=allow_private)
    elif not allow_private or not addresses.is_permitted(literal, allow_private=True):
        raise UrlRefused.because("an address is not accepted: name the host")
    if target.scheme == "http" and not (allow_private and _is_this_machine(target.host, literal)):
        raise UrlRefused.because("`http` is not accepted: what is sent is about people")
    if target.port != _PORTS[target.scheme] and not allow_private:
        raise UrlRefused.because("only port 443 is accepted")
    return target


def _parts(url: str) -> Target:
    match = _URL.fullmatch(url)
    if match is None or len(url) > MAX_LENGTH:
        raise UrlRefused.because(
            f"`https://name/path` is needed: at most {MAX_LENGTH} ASCII characters, encoded by % "
            "where need be, without user, fragment or spaces; a name of other letters as `xn--…`"
        )
    scheme, host, port, path = match["scheme"].lower(), match["host"].lower(), match["port"], ""
    if scheme not in _PORTS:
        raise UrlRefused.because("only `https` is accepted")
    path = match["path"] if match["path"].startswith("/") else f"/{match['path']}"
    number = int(port) if port else _PORTS[scheme]
    if number >= 1 << 16:
        raise UrlRefused.because("there is no such port")
    return Target(scheme, host.strip("[]"), number, path)


def _literal(host: str) -> str | None:
    """The address that stands in place of a name, None for a name."""
    try:
        if ":" in host:
            return str(IPv6Address(host))
        if _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
            return str(IPv4Address(host))
    except ValueError:
        raise UrlRefused.because("an address is not accepted: name the host") from None
    return None


def _require_name(host: str, *, allow_private: bool) -> None:
    labels = host.split(".")
    if len(host) > _MAX_NAME or not all(_LABEL.fullmatch(label) for label in labels):
        raise UrlRefused.because("the host is no name of the DNS")
    local = any(host == name or host.endswith(f".{name}") for name in _LOCAL_NAMES)
    if not allow_private and (local or len(labels) == 1):
        raise UrlRefused.because("the host is a name of a local network")


def _is_this_machine(host: str, literal: str | None) -> bool:
    return host == "localhost" if literal is None else addresses.is_loopback(literal)
