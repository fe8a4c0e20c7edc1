"""Who may call, and how much: credential, scope, role, organisation, limits; before any handler."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from grpc import StatusCode, aio

from footfall.events.v1 import event_ingest_pb2, event_types_pb2
from shared.identity.identity import Role
from shared.settings import CallSettings
from tests.serving import (
    ORG,
    OTHER_ORG,
    TYPES,
    Names,
    Running,
    Unused,
    credential,
    refusal,
    serving,
    until,
)

UPDATE = f"/{TYPES.full_name}/UpdateEventType"


class Handlers(Unused):
    """Counts what reaches it; a call may be held."""

    def __init__(self) -> None:
        self.reached = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def ListEvents(self, _request: Any, call: Any) -> Any:
        self.reached += 1
        assert call.identity.org_id in (ORG, OTHER_ORG)
        await self.gate.wait()
        return event_ingest_pb2.ListEventsResponse()

    async def UpdateEventType(self, _request: Any, _call: Any) -> Any:
        return event_types_pb2.UpdateEventTypeResponse()


@pytest.mark.parametrize("bearer", ["", "nobody"])
async def test_whom_we_do_not_know_gets_no_further(bearer: str) -> None:
    """Not even to the decoder: undecodable bytes make no difference."""
    handlers = Handlers()
    async with serving(ingest=handlers) as server:
        for raw in (b"", b"\xff"):
            told = await refusal(server.unary("ListEvents", raw, bearer))
            assert (told.code, told.reason) == (StatusCode.UNAUTHENTICATED, "CREDENTIAL_REFUSED")
    assert handlers.reached == 0


async def test_two_credentials_are_none() -> None:
    """A proxy and we might not agree on which of them counts."""
    second = (("authorization", "Bearer olga"),)
    async with serving(ingest=Handlers()) as server:
        told = await refusal(server.unary("ListEvents", metadata=second))
    assert told.reason == "CREDENTIAL_REFUSED"


async def test_a_scope_that_is_missing_is_named() -> None:
    names = Names(narrow=credential(scopes=frozenset({"events:write"})))
    async with serving(ingest=Handlers(), authenticator=names) as server:
        told = await refusal(server.unary("ListEvents", b"\xff", "narrow"))
    assert (told.code, told.reason) == (StatusCode.PERMISSION_DENIED, "SCOPE_MISSING")
    assert told.metadata == {"scope": "events:read"}


async def test_a_role_that_may_not_call_is_refused_before_its_request_is_read() -> None:
    names = Names(mia=credential(role=Role.MEMBER))
    async with serving(types=Handlers(), authenticator=names) as server:
        told = await refusal(server.unary(UPDATE, b"\xff", "mia"))
    assert (told.code, told.reason) == (StatusCode.PERMISSION_DENIED, "ROLE_NOT_PERMITTED")
    assert told.metadata == {"role": "member"}


async def test_a_foreign_organisation_in_the_header_is_refused_and_recorded() -> None:
    """Test 36; the audit line is the business of shared/identity."""
    async with serving(ingest=Handlers()) as server:
        own = (("x-org-id", str(ORG).upper()),)
        await server.unary("ListEvents", metadata=own)
        assert server.foreign == []
        for named in (str(OTHER_ORG), "nonsense"):
            told = await refusal(server.unary("ListEvents", metadata=(("x-org-id", named),)))
            assert (told.code, told.reason) == (
                StatusCode.PERMISSION_DENIED,
                "FOREIGN_ORGANISATION",
            )
        assert len(server.foreign) == 2


async def test_one_organisation_cannot_take_all_the_room() -> None:
    """At ten times its share it is told to retry, while its neighbour is served."""
    handlers = Handlers()
    handlers.gate.clear()
    limits = CallSettings(max_calls=8, org_share=0.5, stop_notice_seconds=0)
    async with serving(ingest=handlers, calls=limits) as server:
        greedy = [asyncio.create_task(_code(server, "olga")) for _ in range(40)]
        await until(lambda: handlers.reached == 4)
        neighbour = asyncio.create_task(_code(server, "globex"))
        await until(lambda: handlers.reached == 5)
        told = await refusal(server.unary("ListEvents"))
        assert (told.code, told.reason) == (StatusCode.UNAVAILABLE, "OVERLOADED")
        assert told.retry_after is not None
        handlers.gate.set()
        assert await neighbour is StatusCode.OK
        codes = await asyncio.gather(*greedy)
        assert codes.count(StatusCode.OK) == 4
        assert codes.count(StatusCode.UNAVAILABLE) == 36
        await server.unary("ListEvents")  # and there is room again


async def test_a_process_that_is_full_says_so_to_everyone() -> None:
    handlers = Handlers()
    handlers.gate.clear()
    limits = CallSettings(max_calls=2, org_share=1, stop_notice_seconds=0)
    async with serving(ingest=handlers, calls=limits) as server:
        held = [asyncio.create_task(_code(server, "olga")) for _ in range(2)]
        await until(lambda: handlers.reached == 2)
        told = await refusal(server.unary("ListEvents", bearer="globex"))
        assert (told.reason, told.retry_after) == ("OVERLOADED", 1.0)
        await server.unary("/grpc.health.v1.Health/Check", bearer="")  # busy is not ill
        handlers.gate.set()
        assert await asyncio.gather(*held) == [StatusCode.OK] * 2


@pytest.mark.parametrize(
    ("limit", "subject"),
    [("org_calls_per_second", f"organisation {ORG}"), ("key_calls_per_second", "key key")],
)
async def test_a_rate_limit_says_whose_it_is_and_when_to_come_back(
    limit: str, subject: str
) -> None:
    """Test 24: and nobody else is slowed down."""
    limits: dict[str, Any] = {limit: 5}
    names = Names(olga=credential(**limits))
    async with serving(ingest=Handlers(), authenticator=names) as server:
        codes = [await _code(server, "olga") for _ in range(50)]
        assert 5 <= codes.count(StatusCode.OK) < 15
        told = await refusal(server.unary("ListEvents"))
        assert (told.code, told.reason) == (StatusCode.RESOURCE_EXHAUSTED, "QUOTA_EXHAUSTED")
        assert told.metadata == {"limit": limit}
        assert told.quota == [subject]
        assert told.retry_after is not None
        assert 0 < told.retry_after <= 0.2
        others = [await _code(server, "globex") for _ in range(50)]
        assert set(others) == {StatusCode.OK}
        await asyncio.sleep(told.retry_after)
        assert await _code(server, "olga") is StatusCode.OK


async def test_the_callers_request_id_comes_back_if_it_is_one() -> None:
    async with serving(ingest=Handlers()) as server:
        assert await _request_id(server, "checkout-4711") == "checkout-4711"
        for bad in ("short", "with space", "x" * 65, "{${jndi}}"):
            assert await _request_id(server, bad) != bad
        made = {await _request_id(server, "") for _ in range(3)}
        assert len(made) == 3


async def test_calls_are_counted_by_method_and_code() -> None:
    async with serving(ingest=Handlers()) as server:
        await server.unary("ListEvents")
        await refusal(server.unary("ListEvents", bearer="nobody"))
        await refusal(server.unary("ListEvents", b"\xff"))
        method = {"method": "/footfall.events.v1.EventIngestService/ListEvents"}
        value = server.metrics.registry.get_sample_value
        for code in ("OK", "UNAUTHENTICATED", "INVALID_ARGUMENT"):
            assert value("footfall_rpc_calls_total", {**method, "code": code}) == 1
        assert value("footfall_rpc_seconds_count", method) == 3
        assert value("footfall_rpc_in_flight", method) == 0


async def _request_id(server: Running, sent: str) -> str:
    call: Any = server.channel.unary_unary("/footfall.events.v1.EventIngestService/ListEvents")
    own = (("x-request-id", sent),) if sent else ()
    answer = call(b"", metadata=(("authorization", "Bearer olga"), *own))
    await answer
    return str((await answer.trailing_metadata())["x-request-id"])


async def _code(server: Running, bearer: str) -> StatusCode:
    try:
        await server.unary("ListEvents", bearer=bearer)
    except aio.AioRpcError as error:
        return error.code()
    return StatusCode.OK
