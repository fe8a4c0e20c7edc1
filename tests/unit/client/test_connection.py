"""A secret goes to this machine or through TLS, and into no log."""

from __future__ import annotations

import pytest

from footfall_client import TLS, Client
from footfall_client.connection import Connection, is_loopback


@pytest.mark.parametrize(
    ("target", "loopback"),
    [
        ("127.0.0.1:50051", True),
        ("127.9.9.9:1", True),
        ("localhost:50051", True),
        ("[::1]:50051", True),
        ("unix:/run/footfall.sock", True),
        ("dns:///localhost:1", True),
        ("ipv4:127.0.0.1:1", True),
        ("events.example.com:443", False),
        ("10.0.0.1:50051", False),
        ("dns:///events.example.com", False),
        ("localhost.example.com:1", False),
        ("127.0.0.1.example.com:1", False),
        ("[2001:db8::1]:1", False),
    ],
)
def test_only_this_machine_is_spoken_to_in_the_clear(target: str, *, loopback: bool) -> None:
    assert is_loopback(target) is loopback
    assert (Connection(target).credentials() is None) is loopback


def test_plaintext_elsewhere_and_tls_here_must_be_asked_for() -> None:
    assert Connection("10.0.0.1:1", tls=False).credentials() is None
    assert Connection("127.0.0.1:1", tls=True).credentials() is not None
    assert Connection("127.0.0.1:1", tls=TLS()).credentials() is not None


def test_no_representation_shows_a_secret() -> None:
    connection = Connection("localhost:1", "hunter2", TLS(private_key=b"hunter2"))
    client = Client("localhost:1", credential="hunter2")
    assert "hunter2" not in repr(connection) + repr(client) + repr(vars(client))


@pytest.mark.parametrize("secret", ["", "hunter2\n", "hunter2 ", "häntere"])
def test_a_credential_that_cannot_be_one_is_refused_without_being_quoted(secret: str) -> None:
    with pytest.raises(ValueError, match="credential") as refused:
        Client("localhost:1", credential=secret)
    assert "hunter2" not in str(refused.value)
