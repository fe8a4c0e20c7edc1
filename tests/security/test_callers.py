"""Callers at a real socket: the whole chain, real credentials, a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import grpc
import pytest
import pytest_asyncio

from shared.errors import CredentialRefused, NotFound
from shared.identity.api_keys import new_api_key
from shared.identity.identity import Role
from shared.identity.roles import PERMITTED
from shared.rpc.call import Call
from tests.attacks import ATTACKS
from tests.gate import Gate, open_gate
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase, Template
from tests.serving import Names, Running, Told, refusal, serving

_MAX_METADATA_BYTES = 8_000  # grpc itself refuses more
_STREAMS_OUT = (
    "TailEvents", "WatchInsights", "BacktestDetectors", "WatchJourneys", "WatchApprovals",
)  # fmt: skip


class Nothing:
    """Handlers that find nothing: whoever hears so was let through."""

    def __getattr__(self, name: str) -> Any:
        if not name[0].isupper():
            raise AttributeError(name)
        return self._stream if name in {"StreamEvents", *_STREAMS_OUT} else self._unary

    async def _unary(self, _: object, __: Call) -> None:
        raise NotFound

    async def _stream(self, _: object, __: Call) -> AsyncIterator[Any]:
        for nothing in list[object]():  # what makes it a stream
            yield nothing
        raise NotFound


@pytest.fixture(scope="module")
def database(template: Template) -> Iterator[MigratedDatabase]:
    """One for all tests here: each takes organisations of its own."""
    with template.clone() as clone:
        yield clone


@pytest_asyncio.fixture
async def gate(database: MigratedDatabase) -> AsyncIterator[Gate]:
    async with open_gate(database) as opened:
        yield opened


@pytest_asyncio.fixture
async def server(gate: Gate) -> AsyncIterator[Running]:
    everywhere: dict[str, Any] = dict.fromkeys(
        ("ingest", "types", "insight", "journey", "pricing", "approval", "audit"), Nothing()
    )
    known = cast("Names", gate.authenticator)
    async with serving(**everywhere, authenticator=known) as running:
        yield running


def call(server: Running, path: str, bearer: str, **rest: Any) -> Any:
    """Any method, whatever its kind: a credential is looked at before a request is."""
    if path.endswith("/StreamEvents"):
        return server.bidi(path, iter([]), bearer, **rest).read()
    if path.endswith(_STREAMS_OUT):
        return server.stream(path, b"", bearer, **rest).read()
    return server.unary(path, b"", bearer, **rest)


async def told(server: Running, path: str, bearer: str, **rest: Any) -> Told:
    return await refusal(call(server, path, bearer, **rest))


async def test_31_to_33_every_attack_is_unauthenticated_at_the_socket_in_the_same_words(
    server: Running, gate: Gate, organisation: Organisation
) -> None:
    """Tests 31, 32 and 33; the keys of the issuer are those that the service believes."""
    asked = organisation.api_key()
    sendable = {
        name: token
        for name, forge in ATTACKS.items()
        if (token := forge(gate.issuer)).isascii() and token.isprintable()
        if len(token) < _MAX_METADATA_BYTES
    }
    assert len(sendable) > 80
    bearers = [*sendable.values(), new_api_key().text, asked[:-1], "ff_", "Bearer"]
    answers = [await told(server, "ListEvents", bearer) for bearer in bearers]
    answers.append(await told(server, "ListEvents", ""))
    unauthenticated = grpc.StatusCode.UNAUTHENTICATED
    assert {(a.code, a.reason, a.message) for a in answers} == {
        (unauthenticated, "CREDENTIAL_REFUSED", CredentialRefused().message)
    }


@pytest.mark.parametrize("path", sorted(PERMITTED))
async def test_38_a_member_calls_what_its_role_may_and_nothing_else(
    path: str, server: Running, organisation: Organisation
) -> None:
    """Test 38: permission is checked before the request is looked at."""
    answer = await told(server, path, organisation.api_key("mia", role="owner"))
    permitted = Role.MEMBER in PERMITTED[path]
    if permitted:
        assert answer.reason in {"NOT_FOUND", "INVALID_FIELD"}, "it was let through"
    else:
        assert answer.code is grpc.StatusCode.PERMISSION_DENIED
        assert (answer.reason, answer.metadata) == ("ROLE_NOT_PERMITTED", {"role": "member"})


@pytest.mark.parametrize("path", sorted(PERMITTED))
async def test_a_credential_without_the_scope_is_told_which_one_is_missing(
    path: str, server: Running, organisation: Organisation
) -> None:
    answer = await told(server, path, organisation.api_key("olga", scopes=["nothing:read"]))
    assert (answer.code, answer.reason) == (grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING")
    assert answer.metadata["scope"] in answer.message


@pytest.mark.parametrize("path", sorted(PERMITTED))
async def test_36_no_method_serves_who_names_another_organisation(
    path: str, server: Running, organisation: Organisation, other_organisation: Organisation
) -> None:
    """Test 36."""
    foreign = (("x-org-id", str(other_organisation.org_id)),)
    answer = await told(server, path, organisation.api_key("olga"), metadata=foreign)
    assert (answer.code, answer.reason) == (
        grpc.StatusCode.PERMISSION_DENIED,
        "FOREIGN_ORGANISATION",
    )
    assert server.foreign == [repr(str(other_organisation.org_id))]


async def test_38_a_key_that_is_revoked_or_a_role_that_is_taken_away_ends_within_a_minute(
    server: Running, gate: Gate, organisation: Organisation
) -> None:
    """Test 38."""
    execute = organisation.database.execute
    key, adam = organisation.api_key("backend"), organisation.api_key("adam")
    for bearer in (key, adam):
        answer = await told(server, "ReplayRejectedEvents", bearer)
        assert answer.code is not grpc.StatusCode.PERMISSION_DENIED
    execute("UPDATE app.api_keys SET revoked_at = now() WHERE subject = 'backend'")
    execute("UPDATE app.members SET role = 'member' WHERE subject = 'adam'")
    gate.clock.advance(60)
    answers = [await told(server, "ReplayRejectedEvents", bearer) for bearer in (key, adam)]
    assert [answer.reason for answer in answers] == ["CREDENTIAL_REFUSED", "ROLE_NOT_PERMITTED"]
