"""Tokens that must not be believed, by what is wrong with them.

The numbers are those of the project's list of reliability tests.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.credentials import KEY_ID, Issuer, encoded, good_claims

Forge = Callable[[Issuer], str]


def in_seconds(seconds: int) -> int:
    return int(time.time()) + seconds


def without_signature(_: Issuer, algorithm: str = "none") -> str:
    return f"{encoded({'alg': algorithm, 'kid': KEY_ID})}.{encoded(good_claims())}."


def with_public_key_as_secret(issuer: Issuer, algorithm: str = "HS256") -> str:
    pem = issuer.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return issuer.signed(
        {"alg": algorithm, "kid": KEY_ID},
        good_claims(),
        sign=lambda body: hmac.new(pem, body, hashlib.sha256).digest(),
    )


def with_raw_public_key_as_secret(issuer: Issuer) -> str:
    raw = issuer.key.public_key().public_bytes_raw()
    return issuer.signed(
        {"alg": "HS256", "kid": KEY_ID},
        good_claims(),
        sign=lambda body: hmac.new(raw, body, hashlib.sha256).digest(),
    )


def with_key_of_its_own(issuer: Issuer) -> str:
    """Embeds the attacker's key and signs with it."""
    key = Ed25519PrivateKey.generate()
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": encoded(key.public_key().public_bytes_raw())}
    return issuer.signed({"alg": "EdDSA", "jwk": jwk}, good_claims(), sign=key.sign)


def tampered(issuer: Issuer) -> str:
    header, _, signature = issuer.token().split(".")
    return f"{header}.{encoded(good_claims(role='owner'))}.{signature}"


def alg_twice(issuer: Issuer) -> str:
    header = f'{{"alg": "none", "alg": "EdDSA", "kid": "{KEY_ID}"}}'
    return issuer.signed(header.encode(), good_claims())


ATTACKS: dict[str, Forge] = {
    # 31: algorithms
    "alg none": without_signature,
    "alg None": lambda issuer: without_signature(issuer, "None"),
    "alg NONE": lambda issuer: without_signature(issuer, "NONE"),
    "no signature": lambda issuer: without_signature(issuer, "EdDSA"),
    "hs256 with the public pem": with_public_key_as_secret,
    "hs512 with the public pem": lambda issuer: with_public_key_as_secret(issuer, "HS512"),
    "hs256 with the raw public key": with_raw_public_key_as_secret,
    "alg in lower case": lambda issuer: issuer.headed(alg="eddsa"),
    "alg of another key": lambda issuer: issuer.headed(alg="ES256"),
    "alg of another kind": lambda issuer: issuer.headed(alg="RS256"),
    "alg padded": lambda issuer: issuer.headed(alg="EdDSA "),
    "alg missing": lambda issuer: issuer.signed({"kid": KEY_ID}, good_claims()),
    "alg null": lambda issuer: issuer.headed(alg=None),
    "alg a list": lambda issuer: issuer.headed(alg=["EdDSA"]),
    "alg twice": alg_twice,
    "es256 key": lambda issuer: issuer.by_library(ec.generate_private_key(ec.SECP256R1()), "ES256"),
    "rs256 key": lambda issuer: issuer.by_library(
        rsa.generate_private_key(public_exponent=65537, key_size=2048), "RS256"
    ),
    "another ed25519 key": lambda _: Issuer().token(),
    # 31: headers that ask for more
    "crit": lambda issuer: issuer.headed(crit=["exp"]),
    "crit of an unknown extension": lambda issuer: issuer.headed(crit=["x"], x=True),
    "crit empty": lambda issuer: issuer.headed(crit=[]),
    "b64": lambda issuer: issuer.headed(b64=False, crit=["b64"]),
    "b64 without crit": lambda issuer: issuer.headed(b64=True),
    "zip": lambda issuer: issuer.headed(zip="DEF"),
    "jwk": with_key_of_its_own,
    "jwk beside a known kid": lambda issuer: issuer.headed(jwk={"kty": "oct", "k": "AA"}),
    "jku": lambda issuer: issuer.headed(jku="https://evil.example/keys"),
    "x5u": lambda issuer: issuer.headed(x5u="https://evil.example/cert"),
    "x5c": lambda issuer: issuer.headed(x5c=["MIIB"]),
    "typ of another token": lambda issuer: issuer.headed(typ="logout+jwt"),
    # 32: claims
    "no exp": lambda issuer: issuer.token(exp=None),
    "exp 31 s ago": lambda issuer: issuer.token(exp=in_seconds(-31)),
    "exp no number": lambda issuer: issuer.token(exp=str(in_seconds(600))),
    "exp true": lambda issuer: issuer.token(exp=True),
    "exp infinite": lambda issuer: issuer.token(exp=float("inf")),
    "exp not a number": lambda issuer: issuer.token(exp=float("nan")),
    "exp beyond floats": lambda issuer: issuer.token(exp=10**400),
    "nbf in 31 s and a bit": lambda issuer: issuer.token(nbf=in_seconds(33)),
    "nbf no number": lambda issuer: issuer.token(nbf="soon"),
    "iat in the future": lambda issuer: issuer.token(iat=in_seconds(33)),
    "no iat": lambda issuer: issuer.token(iat=None),
    "no iss": lambda issuer: issuer.token(iss=None),
    "wrong iss": lambda issuer: issuer.token(iss="https://evil.example"),
    "iss a list": lambda issuer: issuer.token(iss=["https://issuer.example"]),
    "iss as a prefix": lambda issuer: issuer.token(iss="https://issuer.example/"),
    "no aud": lambda issuer: issuer.token(aud=None),
    "wrong aud": lambda issuer: issuer.token(aud="another"),
    "aud of services": lambda issuer: issuer.token(aud="footfall-internal"),
    "aud empty": lambda issuer: issuer.token(aud=[]),
    "aud an object": lambda issuer: issuer.token(aud={"footfall": True}),
    "no sub": lambda issuer: issuer.token(sub=None),
    "sub empty": lambda issuer: issuer.token(sub=""),
    "sub a number": lambda issuer: issuer.token(sub=7),
    "sub with NUL": lambda issuer: issuer.token(sub="mia\x00"),
    "sub with a line break": lambda issuer: issuer.token(sub="mia\nadmin"),
    "sub with a lone surrogate": lambda issuer: issuer.token(sub="\ud800"),
    "sub too long": lambda issuer: issuer.token(sub="m" * 129),
    "no org": lambda issuer: issuer.token(org=None),
    "org no uuid": lambda issuer: issuer.token(org="acme"),
    "org sql": lambda issuer: issuer.token(org="' OR true --"),
    "org in braces": lambda issuer: issuer.token(org="{6f1c0a52-8f0e-4b8e-9d2c-0d7f3f6a9b11}"),
    "no role": lambda issuer: issuer.token(role=None),
    "role of the writer": lambda issuer: issuer.token(role="ingest"),
    "role in capitals": lambda issuer: issuer.token(role="OWNER"),
    "role a list": lambda issuer: issuer.token(role=["owner"]),
    "scope a list": lambda issuer: issuer.token(scope=["events:write"]),
    "jti a number": lambda issuer: issuer.token(jti=7),
    # 33: key ids
    "kid unknown": lambda issuer: issuer.headed(kid="2025"),
    "kid empty": lambda issuer: issuer.headed(kid=""),
    "kid a path": lambda issuer: issuer.headed(kid="../../../dev/null"),
    "kid a file": lambda issuer: issuer.headed(kid="/etc/hostname"),
    "kid sql": lambda issuer: issuer.headed(kid="' UNION SELECT 'x"),
    "kid with NUL": lambda issuer: issuer.headed(kid=f"{KEY_ID}\x00"),
    "kid of 10 KB": lambda issuer: issuer.headed(kid="k" * 10_240),
    "kid of 1 KB": lambda issuer: issuer.headed(kid="k" * 1_024),
    "kid a list": lambda issuer: issuer.headed(kid=[KEY_ID]),
    "kid an object": lambda issuer: issuer.headed(kid={KEY_ID: 1}),
    "kid of a service": lambda issuer: issuer.headed(kid="internal-00"),
    # form
    "tampered": tampered,
    "nothing": lambda _: "",
    "dots": lambda _: "..",
    "two parts": lambda issuer: issuer.token().rpartition(".")[0],
    "four parts": lambda issuer: issuer.token() + ".AA",
    "padded": lambda issuer: issuer.token() + "==",
    "with a line break": lambda issuer: issuer.token() + "\n",
    "not ascii": lambda issuer: issuer.token() + "é",
    "header no json": lambda issuer: issuer.signed(b"{", good_claims()),
    "header a list": lambda issuer: issuer.signed(b'["alg"]', good_claims()),
    "header deep": lambda issuer: issuer.signed(b"[" * 5_000, good_claims()),
    "claims no json": lambda issuer: issuer.signed({"alg": "EdDSA", "kid": KEY_ID}, b"\xff"),
    "claims a list": lambda issuer: issuer.signed({"alg": "EdDSA", "kid": KEY_ID}, b"[]"),
    "claims deep": lambda issuer: issuer.signed({"alg": "EdDSA", "kid": KEY_ID}, b"[" * 5_000),
    "larger than 8 KB": lambda issuer: issuer.token(padding="p" * 8_192),
}
