"""Which keys a service starts with, and which it refuses, naming the setting."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from shared.identity.keys import KeysUnusable, KeyUnfit, parse_jwks, pinned, read_keys

ED25519 = ed25519.Ed25519PrivateKey.generate()
P256 = ec.generate_private_key(ec.SECP256R1())
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
WEAK_RSA = rsa.generate_private_key(public_exponent=65537, key_size=1024)


def public_pem(key: Any) -> bytes:
    pem: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return pem


def private_pem(key: Any) -> bytes:
    pem: bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return pem


def jwk(algorithm: Any, key: Any, **more: object) -> dict[str, Any]:
    return {**json.loads(algorithm.to_jwk(key)), **more}


def jwks(*keys: object) -> bytes:
    return json.dumps({"keys": keys}).encode()


async def test_each_key_is_pinned_to_its_algorithm(tmp_path: Path) -> None:
    files = []
    for name, key in {"ed": ED25519, "ec": P256, "rsa": RSA}.items():
        files.append(tmp_path / f"{name}.pem")
        files[-1].write_bytes(public_pem(key))
    document = tmp_path / "jwks.json"
    document.write_bytes(jwks(jwk(RSAAlgorithm, RSA.public_key(), kid="2026", alg="RS256")))
    keys = read_keys(jwks_file=document, key_files=files)
    found = {name: await keys.find(name) for name in ("ed", "ec", "rsa", "2026")}
    assert {name: key and key.algorithm for name, key in found.items()} == {
        "ed": "EdDSA",
        "ec": "ES256",
        "rsa": "RS256",
        "2026": "RS256",
    }


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (public_pem(WEAK_RSA), "1024 bits, 2048 are the least"),
        (public_pem(ec.generate_private_key(ec.SECP384R1())), "no public key of Ed25519"),
        (public_pem(ed448.Ed448PrivateKey.generate()), "no public key of Ed25519"),
        (private_pem(ED25519), "holds a private key.*openssl"),
        (b"secret", "cannot be used"),
        (b"", "cannot be used"),
    ],
)
def test_34_a_weak_or_wrong_key_file_stops_the_start_and_names_the_setting(
    content: bytes, says: str, tmp_path: Path
) -> None:
    """Test 34."""
    path = tmp_path / "key.pem"
    path.write_bytes(content)
    with pytest.raises(KeysUnusable, match=f"FOOTFALL_JWT_KEY_FILES.*key.pem.*{says}"):
        read_keys(key_files=[path])


def test_34_a_missing_key_file_stops_the_start_and_names_the_setting(tmp_path: Path) -> None:
    """Test 34."""
    with pytest.raises(KeysUnusable, match=r"FOOTFALL_JWT_KEY_FILES.*No such file"):
        read_keys(key_files=[tmp_path / "missing.pem"])
    with pytest.raises(KeysUnusable, match=r"FOOTFALL_JWT_JWKS_FILE.*No such file"):
        read_keys(jwks_file=tmp_path / "missing.json")


@pytest.mark.parametrize(
    ("document", "says"),
    [
        (b"{", "no JWKS document"),
        (b"[]", "no JWKS document"),
        (b"[" * 100_000, "no JWKS document"),
        (b'{"keys": 1}', "no JWKS document"),
        (b'{"keys": [null, 1]}', "no key for ES256, EdDSA, RS256"),
        (jwks({"kty": "oct", "k": "AAAA"}), "no key for"),
        (jwks(jwk(OKPAlgorithm, ED25519, kid="a")), "`a` in it is a private one"),
        (jwks(jwk(RSAAlgorithm, WEAK_RSA.public_key())), "1024 bits"),
        (jwks({"kty": "OKP", "crv": "Ed25519", "kid": "a"}), "`a` in it is damaged"),
        (jwks({"kty": "EC", "crv": "P-256", "x": 1, "y": 2}), "damaged"),
        (jwks({"kty": "RSA", "n": "AA", "e": "AQ"}), "damaged|bits"),
        (jwks(*[jwk(OKPAlgorithm, ED25519.public_key(), kid="a")] * 2), "two keys have the id"),
        (jwks(jwk(OKPAlgorithm, ED25519.public_key(), kid=1)), "is no text"),
    ],
)
def test_a_document_that_is_no_good_is_refused_in_words(document: bytes, says: str) -> None:
    with pytest.raises(KeyUnfit, match=says):
        parse_jwks(document)


def test_keys_for_other_uses_are_passed_over() -> None:
    document = jwks(
        jwk(ECAlgorithm, P256.public_key(), kid="a", use="sig"),
        jwk(RSAAlgorithm, RSA.public_key(), kid="b", use="enc"),
        jwk(RSAAlgorithm, RSA.public_key(), kid="c", alg="PS256"),
        {"kty": "oct", "k": "AAAA", "kid": "d"},
    )
    assert parse_jwks(document).keys() == {"a"}


def test_nothing_but_a_public_key_is_pinned() -> None:
    for key in (b"key", None, ED25519):
        with pytest.raises(KeyUnfit):
            pinned(key)
