"""Which URLs are accepted: no address of the inside in any spelling, nothing that is not https."""

from __future__ import annotations

from ipaddress import IPv4Address

import pytest

from services.insight.webhooks.errors import UrlRefused
from services.insight.webhooks.rules.addresses import is_permitted
from services.insight.webhooks.rules.urls import Target, read_url
from shared.errors import InvalidField

INSIDE = (
    "127.0.0.1", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.0.1", "169.254.169.254",
    "100.64.0.1", "192.0.0.192", "224.0.0.1", "255.255.255.255",
)  # fmt: skip


def spellings(address: str) -> list[str]:
    """Of one address, all that some resolver or some library understands."""
    number, octets = int(IPv4Address(address)), [int(part) for part in address.split(".")]
    return [
        address,
        str(number),
        hex(number),
        ".".join(f"0{octet:o}" for octet in octets),
        ".".join(hex(octet) for octet in octets),
        f"{octets[0]}.{number & 0xFFFFFF}",
        f"{address}.",
        f"[::ffff:{address}]",
        f"[::{address}]",
        f"[64:ff9b::{address}]",
    ]


TABLE = [
    *(f"https://{spelling}/" for address in INSIDE for spelling in spellings(address)),
    "https://[::1]/",
    "https://[::]/",
    "https://[fe80::1%25eth0]/",
    "https://[fd00:ec2::254]/latest/meta-data",
    "https://8.8.8.8/",
    "https://%31%32%37.0.0.1/",
    "https://\uff11\uff12\uff17.0.0.1/",
    "https://127\u30020\u30020\u30021/",
    "https://localhost/",
    "https://LOCALHOST/",
    "https://api.localhost/",
    "https://metadata.google.internal/",
    "https://printer.local/",
    "https://postgres/",
    "https://postgres:5432/",
    "http://acme.example/",
    "file:///etc/passwd",
    "gopher://acme.example/_POST",
    "ftp://acme.example/",
    "javascript:alert(1)",
    "//acme.example/",
    "acme.example",
    "",
    "https://",
    "https:///path",
    "https://user@acme.example/",
    "https://user:secret@acme.example/",
    "https://acme.example@127.0.0.1/",
    "https://127.0.0.1#@acme.example/",
    "https://acme.example#fragment",
    "https://acme.example\\@127.0.0.1/",
    "https:\\\\acme.example\\",
    "https://acme.example:22/",
    "https://acme.example:80/",
    "https://acme.example:8443/",
    "https://acme.example:0443/",
    "https://acme.example:65536/",
    "https://acme.example:/",
    "https://acme.example/a b",
    "https://acme.example/\r\nx-injected: 1",
    "https://acme.example/%0",
    "https://acme.example/ä",
    "https://bücher.example/",
    "https://acme..example/",
    "https://-acme.example/",
    "https://acme.example./",
    "https://acme_.example/",
    f"https://{'a' * 64}.example/",
    f"https://acme.example/{'a' * 2048}",
    " https://acme.example/",
    "https://acme.example/\n",
]  # fmt: skip


@pytest.mark.parametrize("url", TABLE)
def test_51_what_leads_inside_or_is_not_plain_https_is_refused(url: str) -> None:
    with pytest.raises(UrlRefused) as refused:
        read_url(url, allow_private=False)
    assert isinstance(refused.value, InvalidField)
    assert refused.value.why


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        ("https://acme.example", "acme.example", "/"),
        ("HTTPS://Acme.Example:443/Hook", "acme.example", "/Hook"),
        ("https://a-b.c3.example/x/%2F?k=v&q=/?", "a-b.c3.example", "/x/%2F?k=v&q=/?"),
        ("https://acme.example?k=v", "acme.example", "/?k=v"),
        ("https://xn--bcher-kva.example/", "xn--bcher-kva.example", "/"),
    ],
)
def test_what_is_public_is_accepted(url: str, host: str, path: str) -> None:
    target = read_url(url, allow_private=False)
    assert target == Target("https", host, 443, path)
    assert target.authority == host


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8080/hook", "http://localhost:1/", "http://[::1]:9000/", "https://postgres/",
     "https://10.1.2.3:8443/", "https://acme.example:8443/", "https://[fd12::1]/"],
)  # fmt: skip
def test_for_development_this_machine_and_private_networks_are_accepted(url: str) -> None:
    target = read_url(url, allow_private=True)
    assert f"{target.scheme}://{target.authority}{target.path}" == url


@pytest.mark.parametrize(
    "url",
    ["http://acme.example/", "http://10.0.0.1/", "https://169.254.169.254/", "https://0.0.0.0/",
     "https://[fd00:ec2::254]/", "https://224.0.0.1/", "https://127.1/", "https://2130706433/",
     "file:///etc/passwd", "https://user@localhost/"],
)  # fmt: skip
def test_even_then_not_everything(url: str) -> None:
    with pytest.raises(UrlRefused):
        read_url(url, allow_private=True)


@pytest.mark.parametrize(
    "address",
    [*INSIDE, *(f"::ffff:{one}" for one in INSIDE), *(f"64:ff9b::{one}" for one in INSIDE),
     *(f"::{one}" for one in INSIDE), "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fdff::1",
     "fec0::1", "ff02::1", "2001:db8::1", "2002:7f00:1::", "2001::1", "64:ff9b:1::7f00:1",
     "100::1", "3fff::1", "4000::1", "168.63.129.16", "198.18.0.1", "203.0.113.1", "240.0.0.1",
     "172.31.255.255", "100.127.255.255"],
)  # fmt: skip
def test_52_an_address_of_the_inside_is_never_connected_to(address: str) -> None:
    assert not is_permitted(address, allow_private=False)


@pytest.mark.parametrize(
    "address",
    ["8.8.8.8", "172.15.255.255", "172.32.0.0", "100.63.255.255", "100.128.0.0", "223.255.255.255",
     "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8", "64:ff9b::808:808"],
)  # fmt: skip
def test_what_is_public_may_be_connected_to(address: str) -> None:
    assert is_permitted(address, allow_private=False)


@pytest.mark.parametrize("address", ["169.254.169.254", "0.0.0.0", "fe80::1", "fd00:ec2::254"])
def test_some_addresses_are_for_nobody(address: str) -> None:
    assert not is_permitted(address, allow_private=True)
