"""Both clients and event-ingest itself: what is tracked is what is listed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from footfall_client import (
    AsyncClient,
    Client,
    Counts,
    DropReason,
    Event,
    Options,
    SpoolOptions,
)
from tests.contract.client.answers import settled
from tests.ingesting import Caller, Ingest, running_ingest
from tests.organisations import add_organisation
from tests.postgres import Template


@pytest.fixture(scope="module")
def ingest(template: Template) -> Iterator[Ingest]:
    with template.clone() as database, running_ingest(database) as running:
        yield running


@pytest.fixture
def key(ingest: Ingest) -> str:
    return add_organisation(ingest.database).api_key("backend")


@pytest.mark.parametrize("kind", [Client, AsyncClient], ids=["threads", "asyncio"])
async def test_every_word_of_the_trade_is_stored_as_it_was_said(
    kind: type[Client | AsyncClient], ingest: Ingest, key: str
) -> None:
    refused: list[object] = []
    client = kind(ingest.address, credential=key, on_reject=lambda *both: refused.append(both))
    ada = client.bind(user_id="ada", context={"platform": "web"})
    ada.page("/tools")
    ada.track_tool_usage("icp", section="personas", impact="medium")
    ada.track_resource_generation("icp", "persona")
    ada.track_export("icp", "pdf", properties={"pages": 12})
    ada.track_milestone("customer_intelligence", competency_points=15)
    ada.track_model_request("large-1", input_tokens=9, reported_cost="0.0132", quality=0.5)
    ada.track_feature("search", abandoned=True)
    ada.track_revenue("9.99", "USD", "subscription", tier="gold")
    ada.leave_page()
    ada.track("logout")
    assert await settled(client.close(timeout=20))
    assert refused == []
    assert client.counts == Counts(sent=10, acknowledged=10)
    stored = {event.type: event for event in Caller(ingest.address, key).listed(user_id="ada")}
    assert len(stored) == 10
    assert json.loads(stored["export_action"].properties_json) == {
        "pages": 12,
        "export_type": "pdf",
    }
    assert stored["export_action"].context.url == "/tools"
    assert stored["revenue"].revenue.amount.nanos == 990_000_000


async def test_verdicts_of_the_service_are_those_of_the_batch(ingest: Ingest, key: str) -> None:
    events = [Event(type="login", user_id=str(number)) for number in range(1200)]
    with Client(ingest.address, credential=key) as client:
        first = list(client.upload(events))
        again = list(client.upload(events))
        events[0].user_id = "another"
        (mixed,) = client.upload([events[0], Event(type="no_such_type")])
    assert sum(each.accepted for each in first) == 1200
    assert sum(each.duplicate for each in again) == 1200
    assert (mixed.conflict, mixed.rejected) == (1, 1)
    assert [each.result.reason for each in mixed.refusals()] == [
        "EVENT_CONFLICT",
        "UNKNOWN_EVENT_TYPE",
    ]


def test_a_key_that_is_none_drops_and_says_so(ingest: Ingest) -> None:
    told: list[DropReason] = []
    with Client(
        ingest.address, credential="ff_no_key", on_drop=lambda _, why: told.append(why)
    ) as client:
        client.track("login")
    assert [str(why) for why in told] == ["call_failed: UNAUTHENTICATED (CREDENTIAL_REFUSED)"]


def test_the_service_may_be_away_at_first(template: Template, tmp_path: Path) -> None:
    with template.clone() as database:
        key = add_organisation(database).api_key("backend")
        options = Options(
            backoff_base=0.05, backoff_cap=0.2, spool=SpoolOptions(directory=tmp_path)
        )
        with running_ingest(database) as running:
            running.stop()
            client = Client(running.address, credential=key, options=options)
            for number in range(200):
                client.track("login", user_id=str(number))
            running.start()
            assert client.close(timeout=20)
            assert client.counts == Counts(sent=200, acknowledged=200)
            assert len(Caller(running.address, key).listed()) == 200
    assert list(tmp_path.iterdir()) == []
