"""From metadata to identity on a real database, as the login of a service."""

from __future__ import annotations

import pytest

from shared.errors import CredentialRefused
from shared.identity import foreign_organisation
from shared.identity.api_keys import new_api_key, read_api_key
from shared.identity.identity import Role
from shared.identity.internal import InternalSigner
from tests.gate import Gate
from tests.organisations import Organisation


async def test_an_api_key_speaks_for_its_organisation_subject_and_role(
    gate: Gate, organisation: Organisation
) -> None:
    organisation.set("calls_per_second", 50)
    bearer = organisation.api_key("backend", scopes=["events:write"])
    organisation.database.execute("UPDATE app.api_keys SET calls_per_second = 7")
    credential = await gate.enter(bearer)
    key = read_api_key(bearer)
    assert key is not None
    identity = credential.identity
    assert identity.tenant == organisation.tenant("backend")
    assert (identity.scopes, identity.key_id) == (
        frozenset({"events:write"}),
        key.key_id,
    )
    assert (credential.org_calls_per_second, credential.key_calls_per_second) == (50, 7)


async def test_a_token_speaks_for_its_organisation_subject_and_role(
    gate: Gate, organisation: Organisation
) -> None:
    organisation.set("calls_per_second", 50)
    credential = await gate.enter(gate.token(organisation, "mia"))
    assert credential.identity.tenant == organisation.tenant("mia")
    assert (credential.identity.scopes, credential.identity.key_id) == (None, None)
    assert (credential.org_calls_per_second, credential.key_calls_per_second) == (50, None)


@pytest.mark.parametrize(
    ("subject", "says", "is_"),
    [
        ("olga", "owner", Role.OWNER),
        ("olga", "member", Role.MEMBER),
        ("mia", "owner", Role.MEMBER),
        ("backend", "owner", Role.SERVICE),
        ("adam", "service", Role.SERVICE),
    ],
)
async def test_the_weaker_role_of_credential_and_member_row_counts(
    subject: str, says: str, is_: Role, gate: Gate, organisation: Organisation
) -> None:
    for bearer in (
        organisation.api_key(subject, role=says),
        gate.token(organisation, subject, role=says),
    ):
        assert (await gate.enter(bearer)).identity.role is is_


async def test_who_has_no_member_row_or_a_disabled_one_is_refused(
    gate: Gate, organisation: Organisation, other_organisation: Organisation
) -> None:
    execute = organisation.database.execute
    execute("UPDATE app.members SET disabled = true WHERE subject = 'milo'")
    execute("DELETE FROM app.members WHERE subject = 'adam'")
    for subject in ("milo", "adam"):
        assert await gate.refuses(organisation.api_key(subject))
        assert await gate.refuses(gate.token(organisation, subject, role="member"))
    assert await gate.refuses(gate.token(other_organisation, "stranger"))


async def test_the_same_subject_of_another_organisation_counts_for_nothing(
    gate: Gate, organisation: Organisation, other_organisation: Organisation
) -> None:
    organisation.database.execute(
        "DELETE FROM app.members WHERE org_id = %s AND subject = 'mia'", organisation.org_id
    )
    assert await gate.refuses(gate.token(organisation, "mia"))
    assert not await gate.refuses(gate.token(other_organisation, "mia"))


async def test_keys_that_are_revoked_expired_or_guessed_are_refused(
    gate: Gate, organisation: Organisation
) -> None:
    execute = organisation.database.execute
    revoked, expired, good = (organisation.api_key() for _ in range(3))
    execute("UPDATE app.api_keys SET revoked_at = now() WHERE key_id = %s", revoked.split("_")[1])
    execute(
        "UPDATE app.api_keys SET expires_at = %s WHERE key_id = %s",
        gate.clock.now(),
        expired.split("_")[1],
    )
    guessed = f"ff_{good.split('_')[1]}_{new_api_key().secret}"
    for bearer in (revoked, expired, guessed, new_api_key().text, "ff_", "ff_short_key"):
        assert await gate.refuses(bearer)
    assert not await gate.refuses(good)


async def test_a_revoked_token_id_is_refused_in_its_organisation(
    gate: Gate, organisation: Organisation, other_organisation: Organisation
) -> None:
    organisation.database.execute(
        "INSERT INTO app.revoked_tokens (org_id, token_id, expires_at) VALUES (%s, 't1', now())",
        organisation.org_id,
    )
    assert await gate.refuses(gate.token(organisation, jti="t1"))
    assert not await gate.refuses(gate.token(organisation, jti="t2"))
    assert not await gate.refuses(gate.token(other_organisation, jti="t1"))


async def test_a_service_of_ours_needs_no_member_row_and_no_database(
    gate: Gate, organisation: Organisation
) -> None:
    signer = InternalSigner(gate.internal_key, "insight", gate.clock)
    identity = (await gate.enter(signer.token(organisation.org_id, "mia"))).identity
    assert (identity.subject, identity.role, identity.act) == ("insight", Role.SERVICE, "mia")
    assert gate.database.asked == 0


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer "},
        {"authorization": "Basic b2xnYTpodW50ZXIy"},
        {"authorization": "ff_key_without_scheme"},
        {"authorization": b"Bearer bytes"},
        {"authorization": "Bearer " + "a" * 8_193},
        {"authorization": "Bearer \ud800"},
        {"x-api-key": "ff_elsewhere"},
    ],
    ids=range(9),
)
async def test_without_a_credential_nobody_enters_and_nothing_is_asked(
    metadata: dict[str, str | bytes], gate: Gate
) -> None:
    assert gate.authenticator.cached(metadata) is None
    with pytest.raises(CredentialRefused):
        await gate.authenticator.authenticate(metadata)
    assert gate.database.asked == 0


async def test_the_scheme_is_read_in_any_case(gate: Gate, organisation: Organisation) -> None:
    metadata = {"authorization": f"bEaReR {organisation.api_key()}"}
    await gate.authenticator.authenticate(metadata)


@pytest.mark.parametrize("subject", ["mia", "olga", "backend"])
async def test_36_a_foreign_organisation_in_the_header_is_audited(
    subject: str, gate: Gate, organisation: Organisation, other_organisation: Organisation
) -> None:
    """Test 36: whoever the caller is, members too, who may not write to the log themselves."""
    identity = (await gate.enter(organisation.api_key(subject))).identity
    foreign = str(other_organisation.org_id)
    named = foreign_organisation.named_elsewhere({"x-org-id": foreign}, identity.org_id)
    assert named == repr(foreign)
    method = "/footfall.events.v1.EventIngestService/IngestEvent"
    await foreign_organisation.record(gate.database, identity, named=named, method=method)
    rows = organisation.database.execute(
        "SELECT org_id, actor, actor_role, action, target, details->>'named' FROM app.audit_entries"
    )
    assert rows == [
        (
            organisation.org_id,
            subject,
            identity.role.value,
            "foreign_organisation.refuse",
            method,
            named,
        )
    ]


def test_36_only_the_callers_own_organisation_may_be_named(organisation: Organisation) -> None:
    own, named_elsewhere = organisation.org_id, foreign_organisation.named_elsewhere
    assert named_elsewhere({}, own) is None
    assert named_elsewhere({"x-org-id": str(own)}, own) is None
    assert named_elsewhere({"x-org-id": str(own).upper()}, own) is None
    for other in ("", "acme", "*", b"bytes", f"{own},{own}", "\x00\n" * 100):
        named = named_elsewhere({"x-org-id": other}, own)
        assert named is not None
        assert named.isprintable()
        assert len(named) <= 64
