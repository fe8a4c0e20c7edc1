"""The first answer to a request_id is the answer, whatever an area does behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import pytest

from footfall.events.v1 import event_types_pb2 as pb
from shared.database import Database, RawConnection, Transaction
from shared.errors import FootfallError, NotFound, RequestIdReused
from shared.idempotency import answer_once, answer_once_in_pipeline
from shared.identity.identity import Identity, Role
from shared.schema import answers
from tests.organisations import MEMBERS, Organisation
from tests.postgres import MigratedDatabase


@dataclass
class Method:
    path: str = "/footfall.events.v1.EventTypeService/GetEventType"


@dataclass
class Asking:
    """As much of a call as the helper asks for."""

    identity: Identity
    method: Method = field(default_factory=Method)


@dataclass
class Counter:
    """An act that answers with how often it was done."""

    done: int = 0
    fails: bool = False

    async def __call__(self, transaction: Transaction) -> pb.GetEventTypeResponse:
        await transaction.raw.execute("SELECT pg_sleep(0.02)")
        self.done += 1
        if self.fails:
            raise NotFound
        return pb.GetEventTypeResponse(event_type=pb.EventType(name=f"n{self.done}"))


@pytest.fixture
async def opened(database: MigratedDatabase) -> AsyncIterator[Database]:
    made = Database(database.urls["footfall_event_ingest"], application_name="test", size=4)
    await made.open()
    yield made
    await made.close()


def asking(organisation: Organisation, subject: str = "backend", path: str = "") -> Asking:
    identity = Identity(organisation.org_id, subject, Role(MEMBERS[subject]))
    return Asking(identity, Method(path) if path else Method())


async def ask(
    database: Database, call: Asking, act: Counter, request_id: str, description: str = ""
) -> str:
    request = pb.CreateEventTypeRequest(
        request_id=request_id, event_type=pb.EventType(description=description)
    )
    answer = await answer_once(database, call, request, pb.GetEventTypeResponse, act)  # type: ignore[arg-type]
    assert request.request_id == request_id, "the request is left as it came"
    return answer.event_type.name


async def test_without_an_id_every_call_acts(opened: Database, organisation: Organisation) -> None:
    act = Counter()
    assert [await ask(opened, asking(organisation), act, "") for _ in range(2)] == ["n1", "n2"]


async def test_a_repeat_gets_the_first_answer(opened: Database, organisation: Organisation) -> None:
    act, request_id = Counter(), str(uuid4())
    for one in (request_id, request_id, request_id.upper()):
        assert await ask(opened, asking(organisation), act, one) == "n1"
    assert act.done == 1


async def test_repeats_that_overlap_act_once(opened: Database, organisation: Organisation) -> None:
    act, request_id = Counter(), str(uuid4())
    asked = [ask(opened, asking(organisation), act, request_id) for _ in range(20)]
    assert set(await asyncio.gather(*asked)) == {"n1"}
    assert act.done == 1


async def test_other_content_or_somebody_else_is_refused(
    opened: Database, organisation: Organisation
) -> None:
    act, request_id = Counter(), str(uuid4())
    await ask(opened, asking(organisation), act, request_id)
    with pytest.raises(RequestIdReused):
        await ask(opened, asking(organisation), act, request_id, "other")
    with pytest.raises(RequestIdReused):
        await ask(opened, asking(organisation, "olga"), act, request_id)
    assert act.done == 1


async def test_an_id_counts_within_its_method_and_organisation(
    opened: Database, organisation: Organisation, other_organisation: Organisation
) -> None:
    act, request_id = Counter(), str(uuid4())
    elsewhere = asking(organisation, path="/footfall.events.v1.EventTypeService/Other")
    for call in (asking(organisation), elsewhere, asking(other_organisation)):
        await ask(opened, call, act, request_id)
    assert act.done == 3


async def test_what_failed_is_tried_again(opened: Database, organisation: Organisation) -> None:
    act, request_id = Counter(fails=True), str(uuid4())
    with pytest.raises(NotFound):
        await ask(opened, asking(organisation), act, request_id)
    act.fails = False
    assert await ask(opened, asking(organisation), act, request_id) == "n2"


@pytest.mark.parametrize("door", [answer_once, answer_once_in_pipeline])
async def test_an_act_that_returns_its_error_leaves_what_it_did_and_no_answer(
    opened: Database, organisation: Organisation, door: Any
) -> None:
    request = pb.CreateEventTypeRequest(request_id=str(uuid4()))

    async def marks(transaction: Any) -> FootfallError:
        raw = getattr(transaction, "raw", transaction)
        place = answers.Place(organisation.org_id, "mark", uuid4())
        await answers.insert_answer(raw, place, bytes(32), b"")
        return NotFound()

    for times in (1, 2):
        with pytest.raises(NotFound):
            await door(opened, asking(organisation), request, pb.GetEventTypeResponse, marks)
        rows = organisation.database.execute("SELECT method FROM app.request_answers")
        assert rows == [("mark",)] * times


async def test_in_a_pipeline_a_repeat_gets_the_first_answer_too(
    opened: Database, organisation: Organisation
) -> None:
    done = 0

    async def act(raw: RawConnection) -> pb.GetEventTypeResponse:
        nonlocal done
        await raw.execute("SELECT pg_sleep(0.02)")
        done += 1
        return pb.GetEventTypeResponse(event_type=pb.EventType(name=f"n{done}"))

    request = pb.CreateEventTypeRequest(request_id=str(uuid4()))
    call: Any = asking(organisation)
    asked = [
        answer_once_in_pipeline(opened, call, request, pb.GetEventTypeResponse, act)
        for _ in range(20)
    ]
    assert {answer.event_type.name for answer in await asyncio.gather(*asked)} == {"n1"}
