"""Where a service listens, and where it must not."""

from __future__ import annotations

import pytest

from shared.rpc.listener import ListenRefused, build
from shared.settings import CallSettings, ListenSettings


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "db.internal"])
async def test_an_address_that_others_reach_needs_tls(host: str) -> None:
    """Test 34: the message names what to set."""
    with pytest.raises(ListenRefused, match=f"FOOTFALL_HOST is {host}.*FOOTFALL_TLS_CERT_FILE"):
        build(ListenSettings(host=host), CallSettings(), 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost"])
async def test_loopback_does_not(host: str) -> None:
    _, address = build(ListenSettings(host=host), CallSettings(), 0)
    assert address.startswith(f"{host}:")
    assert not address.endswith(":0")


async def test_who_says_so_may_do_without() -> None:
    build(ListenSettings(host="0.0.0.0", allow_plaintext=True), CallSettings(), 0)


async def test_a_port_that_is_taken_is_refused_by_the_name_of_its_setting() -> None:
    first, address = build(ListenSettings(), CallSettings(), 0)
    port = int(address.rsplit(":", 1)[1])
    with pytest.raises(ListenRefused, match="FOOTFALL_<SERVICE>_PORT"):
        build(ListenSettings(), CallSettings(), port)
    await first.stop(None)


async def test_processes_may_share_a_port_when_they_are_told_to() -> None:
    shared = ListenSettings(so_reuseport=True)
    first, address = build(shared, CallSettings(), 0)
    second, same = build(shared, CallSettings(), int(address.rsplit(":", 1)[1]))
    assert same == address
    await first.stop(None)
    await second.stop(None)
