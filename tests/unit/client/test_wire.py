"""Python values become events exactly, or not at all."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from google.type.money_pb2 import Money
from hypothesis import given
from hypothesis import strategies as st

from footfall.events.v1.event_ingest_pb2 import IngestEventsRequest
from footfall.events.v1.event_pb2 import Event, Revenue
from footfall_client.ids import derived_event_id, new_event_id
from footfall_client.wire import EventFields, fill, framed, to_json, to_money

NOW = 1_700_000_000_123_456_789


def made(**fields: object) -> Event:
    event = Event()
    fill(event, "login", EventFields(**fields), None, NOW)  # type: ignore[typeddict-item]
    return event


@given(st.lists(st.binary(max_size=40_000), max_size=5))
def test_framed_events_are_the_request_of_the_proto(contents: list[bytes]) -> None:
    events = [Event(feature=content.hex()) for content in contents]
    request = IngestEventsRequest(events=events)
    assert framed([event.SerializeToString() for event in events]) == request.SerializeToString()


@given(st.integers(-(10**18), 10**18), st.integers(0, 9))
def test_money_is_exact_to_the_nano_unit(number: int, places: int) -> None:
    amount = Decimal(number).scaleb(-places)
    money = to_money(amount, "EUR")
    assert Decimal(money.units) + Decimal(money.nanos).scaleb(-9) == amount
    assert money.units * money.nanos >= 0


@pytest.mark.parametrize("amount", [1.5, True, "1,50", "NaN", "Infinity", "0.0000000001", "1e30"])
def test_an_amount_that_cannot_be_meant_is_refused(amount: str) -> None:
    with pytest.raises((TypeError, ValueError)):
        to_money(amount)


@pytest.mark.parametrize(
    "properties",
    [
        {"a": float("nan")},
        {"a": float("inf")},
        {"a": object()},
        {"a": datetime.now(UTC)},
        {"a": {1, 2}},
        {(1, 2): "a"},
        ["not", "an", "object"],
    ],
)
def test_properties_that_json_has_no_word_for_are_refused(properties: dict[str, object]) -> None:
    with pytest.raises((TypeError, ValueError)):
        to_json(properties)


def test_properties_that_contain_themselves_are_refused() -> None:
    endless: dict[str, object] = {}
    endless["self"] = endless
    with pytest.raises(ValueError, match="properties"):
        to_json(endless)


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - the words are those of the codec
        made(properties={"a": "\ud800"})


def test_an_event_is_of_now_unless_it_says_when() -> None:
    event = made()
    assert event.occurred_at.ToNanoseconds() == NOW // 1000 * 1000
    assert UUID(event.event_id).version == 7
    assert UUID(event.event_id).int >> 80 == NOW // 1_000_000


def test_an_id_carries_the_time_of_its_event() -> None:
    when = datetime(2013, 2, 8, 12, 0, tzinfo=timezone(timedelta(hours=-5)))
    event = made(occurred_at=when)
    assert event.occurred_at.ToDatetime(tzinfo=UTC) == when
    assert UUID(event.event_id).int >> 80 == round(when.timestamp() * 1000)


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        made(occurred_at=datetime(2013, 2, 8))  # noqa: DTZ001 - that is the point


def test_an_unknown_impact_or_circumstance_is_refused() -> None:
    with pytest.raises(ValueError, match="impact"):
        made(impact="enormous")
    with pytest.raises(ValueError):  # noqa: PT011 - the words are those of protobuf
        made(context={"browzer": "x"})


def test_what_is_given_is_what_is_sent() -> None:
    event = made(
        user_id="u",
        event_id=UUID(int=7),
        impact="medium",
        cost=Money(currency_code="EUR", units=1),
        context={"browser": "lynx", "time_on_page_ms": 5},
        properties={"ä": [1, None]},
        retention_days=3,
        anonymized=True,
    )
    assert event.event_id == str(UUID(int=7))
    assert (event.user_id, event.impact, event.cost.units) == ("u", 2, 1)
    assert (event.context.browser, event.context.time_on_page_ms) == ("lynx", 5)
    assert event.properties_json == '{"ä":[1,null]}'
    assert (event.retention_days, event.anonymized) == (3, True)


def test_a_detail_takes_its_place() -> None:
    event = Event()
    fill(event, "revenue", {}, Revenue(tier="gold"), NOW)
    assert event.WhichOneof("detail") == "revenue"


def test_derived_ids_are_the_same_for_ever_and_differ_by_every_part() -> None:
    when = datetime(2013, 1, 1, tzinfo=UTC)
    assert derived_event_id(when, "flights", "1") == "013bf368-5800-7ca5-b419-b6ec31caca30"
    ids = {
        derived_event_id(when, "flights", "1"),
        derived_event_id(when, "flights", "2"),
        derived_event_id(when, "flight", "s1"),
        derived_event_id(when + timedelta(milliseconds=1), "flights", "1"),
    }
    assert len(ids) == 4
    assert all(UUID(event_id).version == 7 for event_id in ids)


def test_new_ids_do_not_repeat_and_are_of_the_rfc_variant() -> None:
    ids = [UUID(new_event_id(time.time_ns())) for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert {(each.version, each.variant) for each in ids} == {
        (7, "specified in RFC 4122"),
    }
