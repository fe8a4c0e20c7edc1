"""Which credentials are accepted, from the settings alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from shared.data_dir import DataDir
from shared.database import Database
from shared.errors import CredentialRefused
from shared.identity import roles, scopes
from shared.identity.internal import InternalSigner
from shared.identity.keys import KeysUnusable
from shared.identity.wiring import authenticator, internal_key
from shared.settings import IdentitySettings
from tests.credentials import AUDIENCE, ISSUER, ORG_ID, Issuer, StoodClock


@pytest.fixture
def data_dir(tmp_path: Path) -> DataDir:
    return DataDir.at(tmp_path).prepare()


def closed_database() -> Database:
    """None of these tests gets so far as to ask one."""
    return Database("postgresql://127.0.0.1:1/none", application_name="test")


async def test_services_of_one_data_directory_believe_each_other(data_dir: DataDir) -> None:
    settings, clock = IdentitySettings(), StoodClock()
    token = InternalSigner(internal_key(settings, data_dir), "insight", clock).token(ORG_ID, "mia")
    found = await authenticator(settings, data_dir, closed_database(), clock).authenticate(
        {"authorization": f"Bearer {token}"}
    )
    assert (found.identity.subject, found.identity.act) == ("insight", "mia")


async def test_without_an_issuer_no_token_is_believed(data_dir: DataDir) -> None:
    gate = authenticator(IdentitySettings(), data_dir, closed_database(), StoodClock())
    with pytest.raises(CredentialRefused):
        await gate.authenticate({"authorization": f"Bearer {Issuer().token()}"})


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (IdentitySettings(jwt_issuer=ISSUER), "FOOTFALL_JWT_ISSUER is set, but none of its keys"),
        (IdentitySettings(jwt_key_files=(Path("key.pem"),)), "key.pem cannot be read"),
        (
            IdentitySettings(jwt_jwks_url="https://issuer.example/keys"),
            "FOOTFALL_JWT_ISSUER is not set",
        ),
        (
            IdentitySettings(jwt_issuer=ISSUER, jwt_jwks_url="http://issuer.example/keys"),
            "FOOTFALL_JWT_JWKS_URL.*https",
        ),
        (
            IdentitySettings(
                jwt_issuer=ISSUER,
                jwt_jwks_url="https://issuer.example/keys",
                jwt_key_files=(Path("key.pem"),),
            ),
            "choose one",
        ),
        (
            IdentitySettings(internal_key_file=Path("missing.pem")),
            "FOOTFALL_INTERNAL_KEY_FILE: missing.pem cannot be read",
        ),
        (
            IdentitySettings(internal_public_key_files=(Path("missing.pem"),)),
            "FOOTFALL_INTERNAL_PUBLIC_KEY_FILES: missing.pem cannot be read",
        ),
    ],
    ids=range(7),
)
def test_34_settings_that_do_not_fit_stop_the_start_and_are_named(
    settings: IdentitySettings, says: str, data_dir: DataDir
) -> None:
    """Test 34."""
    with pytest.raises(KeysUnusable, match=says):
        authenticator(settings, data_dir, closed_database(), StoodClock())


def test_an_issuer_with_keys_is_accepted(data_dir: DataDir, tmp_path: Path) -> None:
    path = tmp_path / "issuer.pem"
    public = Issuer().key.public_key()
    path.write_bytes(public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    settings = IdentitySettings(jwt_issuer=ISSUER, jwt_audience=AUDIENCE, jwt_key_files=(path,))
    authenticator(settings, data_dir, closed_database(), StoodClock())


def test_every_service_with_roles_has_its_scopes_on_offer() -> None:
    """`key create --scope` offers what the contract asks for, of all services."""
    served = {path.split("/")[1] for path in roles.PERMITTED}
    assert {service.full_name for service in scopes.services()} == served
    assert all(":" in scope for scope in scopes.known_scopes())
