"""What Postgres refuses of one event costs no other event anything, whoever sent them."""

from __future__ import annotations

import asyncio
from uuid import uuid4

import pytest
from grpc import StatusCode

from services.event_ingest.event_types.rules import BUILT_IN
from services.event_ingest.events import wire
from services.event_ingest.events.errors import InvalidProperties, StorageBehind
from services.event_ingest.events.rules import NewEvent, Outcome, Units, Verdict
from services.event_ingest.events.rules import Organisation as Known
from services.event_ingest.group_commit import GroupCommit
from services.event_ingest.store import Group, Stored, store
from shared.database import Database, Tenant
from shared.rpc.status import code_of
from tests.ingesting import event
from tests.organisations import Organisation
from tests.storing import NAMES, stored_ids

UNWANTED = "mallory"
UNITS = Units("UTC", "USD")


def forbid(organisation: Organisation) -> None:
    """From now on Postgres refuses the events of one user, which no rule of ours does."""
    organisation.database.execute(
        f"ALTER TABLE app.events ADD CONSTRAINT unwanted CHECK (user_id <> '{UNWANTED}')"
    )


def admitted(organisation: Organisation, *users: str, event_id: str = "") -> list[NewEvent]:
    known = Known(
        organisation.org_id, "UTC", "USD", None, keep_ip=False, types=BUILT_IN, type_names=NAMES
    )
    received_us = 1_780_000_000_000_000
    return [
        wire.to_new_event(event(user_id=user, event_id=event_id), known, received_us, None)
        for user in users
    ]


def told(outcomes: list[Stored]) -> list[object]:
    return [one.verdict if isinstance(one, Outcome) else type(one) for one in outcomes]


@pytest.mark.parametrize(
    "fault",
    [
        "DROP TABLE app.events_timeless",
        "ALTER TABLE app.events ADD COLUMN of_tomorrow integer NOT NULL",
    ],
    ids=["a partition is missing", "a column is new"],
)
async def test_a_fault_of_the_tables_is_not_blamed_on_the_event(
    writer: Database, organisation: Organisation, fault: str
) -> None:
    """Rejected, it would be given up by its sender; so it is told to try again."""
    organisation.database.execute(fault)
    timeless = admitted(organisation, "mia", event_id=str(uuid4()))
    with pytest.raises(StorageBehind):
        await store(writer, [Group(Tenant(organisation.org_id, "ingest"), UNITS, timeless)])
    assert code_of(StorageBehind) is StatusCode.UNAVAILABLE
    assert StorageBehind().retry_after


async def test_the_neighbours_of_a_refused_event_are_stored_in_every_group(
    writer: Database, organisation: Organisation, other_organisation: Organisation
) -> None:
    forbid(organisation)
    groups = [
        Group(Tenant(one.org_id, "ingest"), UNITS, admitted(one, *users))
        for one, users in (
            (organisation, ["mia"] * 5 + [UNWANTED] + ["milo"] * 5 + [UNWANTED]),
            (other_organisation, ["mia"] * 3),
        )
    ]
    first, second = await store(writer, groups)
    accepted, refused = Verdict.ACCEPTED, InvalidProperties
    assert told(first) == [*[accepted] * 5, refused, *[accepted] * 5, refused]
    assert told(second) == [accepted] * 3
    assert len(await stored_ids(writer, organisation)) == 10
    assert len(await stored_ids(writer, other_organisation)) == 3


async def test_a_flush_of_many_callers_fails_only_who_sent_what_is_refused(
    writer: Database, organisation: Organisation, other_organisation: Organisation
) -> None:
    forbid(organisation)
    commit = GroupCommit(writer)
    sent = [
        (Tenant(one.org_id, "ingest"), new)
        for one in (organisation, other_organisation)
        for new in admitted(one, "mia", UNWANTED, "milo")
    ]
    waiting = [asyncio.create_task(commit.store(tenant, UNITS, new)) for tenant, new in sent]
    await asyncio.sleep(0)  # all are queued before the first flush
    flushing = asyncio.create_task(commit.run())
    outcomes = await asyncio.gather(*waiting)
    await commit.close()
    await flushing
    assert told(outcomes) == [Verdict.ACCEPTED, InvalidProperties, Verdict.ACCEPTED] * 2
    assert len(await stored_ids(writer, organisation)) == 2
