"""Tokens between services: how long, for whom, and which key signs them."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from shared.data_dir import DataDir
from shared.errors import CredentialRefused
from shared.identity import internal
from shared.identity.identity import Role
from shared.identity.internal import (
    InternalSigner,
    InternalVerifier,
    key_id,
    make_internal_key,
    read_internal_key,
    read_internal_public_keys,
)
from shared.identity.keys import KeysUnusable
from tests.credentials import ORG_ID, Issuer, StoodClock, good_claims

KEY = Ed25519PrivateKey.generate()


def internal_claims(**changes: object) -> dict[str, object]:
    return good_claims(
        **{
            "iss": "footfall",
            "aud": "footfall-internal",
            "sub": "insight",
            "role": "service",
            "act": "olga",
            **changes,
        }
    )


def signed(**changes: object) -> str:
    return Issuer(KEY).signed(
        {"alg": "EdDSA", "kid": key_id(KEY.public_key())}, internal_claims(**changes)
    )


async def test_a_service_speaks_for_its_callers_organisation_and_says_who_asked() -> None:
    token = InternalSigner(KEY, "insight", StoodClock()).token(ORG_ID, "olga")
    verifier = InternalVerifier(KEY.public_key())
    assert verifier.knows(token)
    claims = await verifier.verify(token)
    assert (claims.org_id, claims.subject, claims.role) == (ORG_ID, "insight", Role.SERVICE)
    assert (claims.act, claims.internal) == ("olga", True)


def test_a_token_lives_a_minute_and_serves_again_for_forty_seconds() -> None:
    clock = StoodClock()
    signer = InternalSigner(KEY, "insight", clock)
    token = signer.token(ORG_ID, "olga")
    claims = jwt.decode(token, options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == 60
    clock.advance(39)
    assert signer.token(ORG_ID, "olga") == token
    clock.advance(2)
    assert signer.token(ORG_ID, "olga") != token


def test_every_organisation_and_caller_gets_a_token_of_its_own() -> None:
    signer = InternalSigner(KEY, "insight", StoodClock())
    callers = [(ORG_ID, "olga"), (ORG_ID, "mia"), (uuid4(), "olga")]
    assert len({signer.token(*caller) for caller in callers}) == 3


def test_the_memory_for_tokens_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(internal, "_CACHE_SIZE", 3)
    signer = InternalSigner(KEY, "insight", StoodClock())
    for number in range(10):
        signer.token(ORG_ID, f"user-{number}")
    assert len(signer._tokens) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"role": "owner"},
        {"act": None},
        {"act": {"sub": "olga"}},
        {"act": ""},
        {"iss": "https://issuer.example"},
        {"aud": "footfall"},
        {"exp": None},
    ],
)
async def test_a_key_of_ours_signs_nothing_but_services(change: dict[str, object]) -> None:
    verifier = InternalVerifier(KEY.public_key())
    await verifier.verify(signed())
    with pytest.raises(CredentialRefused):
        await verifier.verify(signed(**change))


async def test_a_key_of_the_issuer_signs_no_internal_token() -> None:
    token = Issuer().signed({"alg": "EdDSA", "kid": key_id(KEY.public_key())}, internal_claims())
    with pytest.raises(CredentialRefused):
        await InternalVerifier(KEY.public_key()).verify(token)


def test_a_token_of_another_key_is_not_ours() -> None:
    token = InternalSigner(Ed25519PrivateKey.generate(), "insight", StoodClock()).token(ORG_ID, "o")
    assert not InternalVerifier(KEY.public_key()).knows(token)


async def test_while_keys_are_changed_both_are_believed(tmp_path: Path) -> None:
    new = Ed25519PrivateKey.generate()
    path = tmp_path / "new.pem"
    path.write_bytes(new.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    verifier = InternalVerifier(KEY.public_key(), *read_internal_public_keys([path]))
    for key in (KEY, new):
        await verifier.verify(InternalSigner(key, "insight", StoodClock()).token(ORG_ID, "o"))


def test_the_key_is_made_once_for_the_owner_alone(tmp_path: Path) -> None:
    data_dir = DataDir.at(tmp_path).prepare()
    path = make_internal_key(data_dir)
    first = path.read_bytes()
    assert path == data_dir.secrets / "internal.ed25519.pem"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert make_internal_key(data_dir).read_bytes() == first
    read_internal_key(path)


def test_34_a_key_that_every_account_can_read_stops_the_start(tmp_path: Path) -> None:
    """Test 34: the message names the setting and what to do."""
    path = make_internal_key(DataDir.at(tmp_path).prepare())
    path.chmod(0o644)
    with pytest.raises(KeysUnusable, match=r"FOOTFALL_INTERNAL_KEY_FILE.*chmod 600"):
        read_internal_key(path)


def test_34_on_a_read_only_mount_the_mode_is_not_ours_to_choose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Test 34, as the contract has it: a secret in a container is mounted so."""
    path = make_internal_key(DataDir.at(tmp_path).prepare())
    path.chmod(0o444)

    class ReadOnly:
        f_flag = os.ST_RDONLY

    monkeypatch.setattr(os, "statvfs", lambda _: ReadOnly)
    read_internal_key(path)


@pytest.mark.parametrize("content", [b"", b"secret", b"-----BEGIN PRIVATE KEY-----\nAA\n"])
def test_34_a_damaged_key_stops_the_start(content: bytes, tmp_path: Path) -> None:
    """Test 34."""
    path = tmp_path / "internal.pem"
    path.touch(0o600)
    path.write_bytes(content)
    with pytest.raises(KeysUnusable, match=r"FOOTFALL_INTERNAL_KEY_FILE.*no private key"):
        read_internal_key(path)


def test_34_a_missing_key_or_one_of_another_kind_stops_the_start(tmp_path: Path) -> None:
    """Test 34."""
    with pytest.raises(KeysUnusable, match=r"FOOTFALL_INTERNAL_KEY_FILE.*No such file"):
        read_internal_key(tmp_path / "missing.pem")
    path = tmp_path / "rsa.pem"
    path.touch(0o600)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(KeysUnusable, match=r"no Ed25519 key.*openssl genpkey"):
        read_internal_key(path)
