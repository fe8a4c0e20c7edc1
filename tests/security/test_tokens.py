"""The verifier of tokens against the table of attacks, and against whatever else may come."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import CredentialRefused
from shared.identity.keys import FixedKeys, pinned
from tests.attacks import ATTACKS, Forge, in_seconds
from tests.credentials import KEY_ID, Issuer, good_claims


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.mark.parametrize("forge", ATTACKS.values(), ids=ATTACKS.keys())
async def test_31_to_33_no_attack_is_believed_and_all_get_the_same_answer(
    forge: Forge, issuer: Issuer
) -> None:
    """Tests 31, 32 and 33: UNAUTHENTICATED, one message, nothing of the token in it."""
    with pytest.raises(CredentialRefused) as refused:
        await issuer.verifier().verify(forge(issuer))
    assert refused.value.message == CredentialRefused().message
    assert not refused.value.metadata


async def test_the_token_that_the_attacks_begin_with_is_believed(issuer: Issuer) -> None:
    """Else the table above would prove nothing."""
    verifier = issuer.verifier()
    without_kid = issuer.signed({"alg": "EdDSA", "typ": "at+jwt"}, good_claims())
    for token in (issuer.token(), issuer.headed(), without_kid):
        assert (await verifier.verify(token)).subject == "mia"


@pytest.mark.parametrize(
    "claims",
    [{"exp": -20}, {"nbf": 25}, {"iat": 25}],
)
async def test_32_clocks_may_differ_by_half_a_minute(
    claims: dict[str, int], issuer: Issuer
) -> None:
    """Test 32, the other side of its limits."""
    token = issuer.token(**{name: in_seconds(seconds) for name, seconds in claims.items()})
    await issuer.verifier().verify(token)


async def test_a_token_may_be_for_several_audiences(issuer: Issuer) -> None:
    await issuer.verifier().verify(issuer.token(aud=["another", "footfall"]))


async def test_a_scope_claim_narrows_what_the_token_may_do(issuer: Issuer) -> None:
    verifier = issuer.verifier()
    assert (await verifier.verify(issuer.token())).scopes is None
    narrowed = await verifier.verify(issuer.token(scope="events:read openid"))
    assert narrowed.scopes == frozenset({"events:read", "openid"})
    assert (await verifier.verify(issuer.token(scope=""))).scopes == frozenset()


async def test_a_stranger_cannot_say_who_asked(issuer: Issuer) -> None:
    """`act` is believed from services of ours alone: the audit log names it."""
    claims = await issuer.verifier().verify(issuer.token(act="olga"))
    assert (claims.act, claims.internal) == (None, False)


async def test_33_without_a_kid_only_an_only_key_is_used(issuer: Issuer) -> None:
    """Trying one key after the other would let a token choose the weakest."""
    own, other = pinned(issuer.key.public_key()), pinned(Issuer().key.public_key())
    without_kid = issuer.signed({"alg": "EdDSA"}, good_claims())
    await issuer.verifier(FixedKeys({"a": own})).verify(without_kid)
    with pytest.raises(CredentialRefused):
        await issuer.verifier(FixedKeys({"a": own, "b": other})).verify(without_kid)


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
async def test_no_text_makes_the_verifier_stumble(text: str) -> None:
    with pytest.raises(CredentialRefused):
        await Issuer().verifier().verify(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
claim_names = st.sampled_from(["exp", "iat", "nbf", "sub", "org", "role", "jti", "scope", "aud"])
header_names = st.sampled_from(["alg", "kid", "typ", "crit", "b64", "x"])


@given(name=claim_names, value=json_values)
async def test_no_claim_makes_the_verifier_stumble(name: str, value: object) -> None:
    """Believed or refused, never another exception: that would be a 500 for a stranger."""
    issuer = Issuer()
    claims = json.dumps({**good_claims(), name: value}).encode()
    token = issuer.signed({"alg": "EdDSA", "kid": KEY_ID}, claims)
    try:
        await issuer.verifier().verify(token)
    except CredentialRefused:
        return


@given(name=header_names, value=json_values)
async def test_no_header_makes_the_verifier_stumble(name: str, value: object) -> None:
    issuer = Issuer()
    try:
        await issuer.verifier().verify(issuer.headed(**{name: value}))
    except CredentialRefused:
        return
