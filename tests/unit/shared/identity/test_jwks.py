"""Keys behind an address: how often they are asked for, and from whom they are taken."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from jwt.algorithms import OKPAlgorithm

from shared.errors import CredentialRefused
from shared.identity.jwks import RemoteKeys, fetch_jwks
from shared.identity.keys import KeysUnusable
from tests.credentials import KEY_ID, Issuer, StoodClock

URL = "https://issuer.example/keys"


def document(*keys: tuple[str, Ed25519PublicKey]) -> bytes:
    entries = [OKPAlgorithm.to_jwk(key, as_dict=True) | {"kid": key_id} for key_id, key in keys]
    return json.dumps({"keys": entries}).encode()


class Address:
    """An issuer's address that counts who comes by."""

    def __init__(self, *answers: bytes | Exception) -> None:
        self.fetched = 0
        self._answers = list(answers)

    def __call__(self, _: str) -> bytes:
        self.fetched += 1
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


async def test_33_unknown_key_ids_cause_one_fetch_a_minute_however_many_come() -> None:
    """Test 33: no storm on the issuer."""
    issuer, clock = Issuer(), StoodClock()
    address = Address(document((KEY_ID, issuer.key.public_key())))
    verifier = issuer.verifier(RemoteKeys(URL, clock, address))
    forged = [issuer.headed(kid=f"unknown-{number}") for number in range(200)]
    answers = await asyncio.gather(*map(verifier.verify, forged), return_exceptions=True)
    assert all(isinstance(answer, CredentialRefused) for answer in answers)
    assert address.fetched == 1
    clock.advance(59)
    await verifier.verify(issuer.token())
    assert address.fetched == 1
    clock.advance(2)
    with pytest.raises(CredentialRefused):
        await verifier.verify(forged[0])
    assert address.fetched == 2


async def test_a_new_key_is_known_after_a_minute_and_an_old_one_gone() -> None:
    old, new, clock = Issuer(), Issuer(), StoodClock()
    address = Address(
        document(("old", old.key.public_key())), document(("new", new.key.public_key()))
    )
    keys = RemoteKeys(URL, clock, address)
    assert await keys.find("old")
    clock.advance(61)
    assert await keys.find("new")
    assert await keys.find("old") is None


@pytest.mark.parametrize(
    "failure", [OSError("away"), TimeoutError("slow"), b"<html>", b'{"keys": []}']
)
async def test_keys_stay_as_they_were_while_the_issuer_is_away(failure: bytes | Exception) -> None:
    issuer, clock = Issuer(), StoodClock()
    keys = RemoteKeys(URL, clock, Address(document((KEY_ID, issuer.key.public_key())), failure))
    assert await keys.find(KEY_ID)
    clock.advance(61)
    assert await keys.find("unknown") is None
    assert await keys.find(KEY_ID)


async def test_a_known_key_does_not_wait_for_a_fetch() -> None:
    issuer, clock, gate = Issuer(), StoodClock(), threading.Event()
    known = document((KEY_ID, issuer.key.public_key()))
    fetches = 0

    def fetch(_: str) -> bytes:
        nonlocal fetches
        fetches += 1
        if fetches > 1:
            gate.wait(10)
        return known

    keys = RemoteKeys(URL, clock, fetch)
    assert await keys.find(KEY_ID)
    clock.advance(61)
    assert await asyncio.wait_for(keys.find(KEY_ID), 1)
    waiting = asyncio.create_task(keys.find("unknown"))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    gate.set()
    assert await waiting is None


@pytest.mark.parametrize(
    "url",
    [
        "http://issuer.example/keys",
        "ftp://issuer.example/keys",
        "file:///etc/hostname",
        "https://",
        "issuer.example/keys",
        "http://127.0.0.1.issuer.example/",
        "http://localhost.issuer.example/",
        "http://10.0.0.1/",
    ],
)
def test_an_address_that_others_could_answer_for_is_refused(url: str) -> None:
    with pytest.raises(KeysUnusable, match="FOOTFALL_JWT_JWKS_URL"):
        RemoteKeys(url, StoodClock())


@pytest.mark.parametrize(
    "url", [URL, "http://127.0.0.1:8000/k", "http://[::1]/", "http://localhost/"]
)
def test_https_and_the_loopback_interface_are_accepted(url: str) -> None:
    RemoteKeys(url, StoodClock())


@contextmanager
def serving(status: int, body: bytes, **headers: str) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self.wfile.write(body)
            except OSError:
                return

        def log_message(self, *_: object) -> None:
            return

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/keys"
        server.shutdown()
        thread.join()


def test_the_document_is_fetched_as_it_is() -> None:
    with serving(200, b'{"keys": []}') as url:
        assert fetch_jwks(url) == b'{"keys": []}'


def test_a_document_larger_than_64_kib_is_refused() -> None:
    with serving(200, b" " * 100_000) as url, pytest.raises(ValueError, match="larger than 65536"):
        fetch_jwks(url)


def test_a_redirect_is_not_followed() -> None:
    with (
        serving(302, b"", Location="file:///etc/hostname") as url,
        pytest.raises(OSError, match="302"),
    ):
        fetch_jwks(url)


def test_an_address_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A timeout per read alone would let it hold us for as long as it likes."""
    seconds = iter([0.0, 2.0, 4.0, 6.0, 8.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(seconds))
    monkeypatch.setattr(urllib.request.OpenerDirector, "open", lambda *_, **__: Drip())
    with pytest.raises(TimeoutError, match="longer than 5 s"):
        fetch_jwks(URL)


class Drip(AbstractContextManager["Drip"]):
    def read1(self, _: int) -> bytes:
        return b" "

    def __exit__(self, *_: object) -> None:
        return
