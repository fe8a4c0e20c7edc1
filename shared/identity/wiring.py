"""From settings to an authenticator: the one place that knows which credentials are accepted."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.clock import Clock
from shared.data_dir import DataDir
from shared.database import Database
from shared.identity.credentials import Authenticator
from shared.identity.internal import (
    InternalVerifier,
    make_internal_key,
    read_internal_key,
    read_internal_public_keys,
)
from shared.identity.jwks import RemoteKeys
from shared.identity.keys import KeySource, KeysUnusable, read_keys
from shared.identity.tokens import TokenVerifier
from shared.settings import IdentitySettings


def authenticator(
    settings: IdentitySettings, data_dir: DataDir, database: Database, clock: Clock
) -> Authenticator:
    """API keys always, tokens of an issuer if one is set, those of our own services."""
    own = internal_key(settings, data_dir).public_key()
    others = read_internal_public_keys(settings.internal_public_key_files)
    return Authenticator(
        database,
        clock,
        tokens=_token_verifier(settings, clock),
        internal=InternalVerifier(own, *others),
    )


def internal_key(settings: IdentitySettings, data_dir: DataDir) -> Ed25519PrivateKey:
    """The key that our services sign with: the operator's, else that of the data directory."""
    return read_internal_key(settings.internal_key_file or make_internal_key(data_dir))


def _token_verifier(settings: IdentitySettings, clock: Clock) -> TokenVerifier | None:
    keys = _keys(settings, clock)
    if settings.jwt_issuer is None:
        if keys is not None:
            raise KeysUnusable("FOOTFALL_JWT_ISSUER is not set, but keys of an issuer are.")
        return None
    if keys is None:
        raise KeysUnusable(
            "FOOTFALL_JWT_ISSUER is set, but none of its keys are: set FOOTFALL_JWT_JWKS_URL, "
            "FOOTFALL_JWT_JWKS_FILE or FOOTFALL_JWT_KEY_FILES."
        )
    return TokenVerifier(keys, issuer=settings.jwt_issuer, audience=settings.jwt_audience)


def _keys(settings: IdentitySettings, clock: Clock) -> KeySource | None:
    files, url = (settings.jwt_jwks_file, settings.jwt_key_files), settings.jwt_jwks_url
    if url is None:
        return read_keys(jwks_file=files[0], key_files=files[1]) if any(files) else None
    if any(files):
        raise KeysUnusable(
            "FOOTFALL_JWT_JWKS_URL is set beside keys in files: choose one, so that a key which "
            "the issuer withdraws is gone."
        )
    return RemoteKeys(url, clock)
