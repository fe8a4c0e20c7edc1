"""Rows into events: by names, by hand, and the same ones every time."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from google.protobuf.json_format import MessageToDict

from footfall.events.v1.event_pb2 import IMPACT_HIGH, Event
from services.cli.importing.fields import NoSuchField, default_field, field_of
from services.cli.importing.mapping import Mapper, MappingRefused, Wish
from services.cli.importing.sources import BadRow, Row
from services.cli.importing.times import Times

AT = "2026-01-01T00:00:00Z"


def mapper(source: str = "file", zone: str | None = None, **wish: Any) -> Mapper:
    return Mapper(source, Wish(**wish), Times(ZoneInfo(zone) if zone else None))


def event(values: dict[str, Any], number: int = 1, **wish: Any) -> Event:
    made = mapper(**wish).event(Row(number, repr(values), {"time": AT, "type": "login", **values}))
    assert isinstance(made, Event), made
    return made


def refusal(values: dict[str, Any], **wish: Any) -> str:
    made = mapper(**wish).event(Row(7, repr(values), {"time": AT, "type": "login", **values}))
    assert isinstance(made, BadRow)
    assert made.number == 7
    return made.why


@pytest.mark.parametrize(
    ("column", "field"),
    [
        ("user_id", "user_id"),
        ("userId", "user_id"),
        ("User ID", "user_id"),
        ("user", "user_id"),
        ("timestamp", "occurred_at"),
        ("event", "type"),
        ("os", "context.os"),
        ("context.browser", "context.browser"),
        ("model_request.input_tokens", "model_request.input_tokens"),
    ],
)
def test_a_column_goes_by_its_name(column: str, field: str) -> None:
    found = default_field(column)
    assert found is not None
    assert found.name == field


@pytest.mark.parametrize("column", ["distance", "model", "context.nothing", "model_requests.x"])
def test_every_other_column_is_a_property(column: str) -> None:
    assert default_field(column) is None


def test_no_such_field_is_said_with_the_nearest() -> None:
    with pytest.raises(NoSuchField, match="user_id"):
        field_of("user_ids")


def test_properties_are_json_of_their_own_kind() -> None:
    made = event({"n": "12", "x": "2.50", "yes": "true", "zip": "00123", "big": "1e5", "none": ""})
    assert json.loads(made.properties_json) == {
        "n": 12, "x": 2.5, "yes": True, "zip": "00123", "big": "1e5",
    }  # fmt: skip


def test_objects_of_json_lines_become_messages() -> None:
    made = event({
        "context": {"os": "linux", "time_on_page_ms": "5"},
        "revenue": {"amount": {"currency_code": "EUR", "units": "12"}},
        "properties": {"a": [1]},
        "tags": ["x"],
    })  # fmt: skip
    assert made.context.os == "linux"
    assert MessageToDict(made.revenue)["amount"] == {"currencyCode": "EUR", "units": "12"}
    assert json.loads(made.properties_json) == {"a": [1], "tags": ["x"]}


def test_values_are_read_by_the_type_of_their_field() -> None:
    made = event({
        "impact": "high", "anonymized": "yes", "retention_days": "30", "cost": "0.25 USD",
        "model_request.quality": "0.5", "model_request.status": "timeout",
    })  # fmt: skip
    assert (made.impact, made.anonymized, made.retention_days) == (IMPACT_HIGH, True, 30)
    assert (made.cost.currency_code, made.cost.nanos) == ("USD", 250_000_000)
    assert made.model_request.quality == 0.5


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"impact": "huge"}, "impact: 'huge' is none of low, medium, high"),
        ({"retention_days": "3.5"}, "retention_days: '3.5' is no whole number"),
        ({"anonymized": "maybe"}, "anonymized: 'maybe' is neither true nor false"),
        ({"cost": "a lot"}, "cost: "),
        ({"time": "noon"}, "time: 'noon' is no time"),
        ({"time": ""}, "occurred_at: empty"),
        ({"type": ""}, "type: empty"),
        ({"time": "-5"}, "negative"),
        ({"properties": "[1]"}, "properties: no JSON object"),
    ],
)
def test_a_row_that_does_not_fit_says_why(values: dict[str, Any], why: str) -> None:
    assert why in refusal(values)


def test_columns_are_mapped_by_hand_and_composed() -> None:
    made = event(
        {"who": "mia", "from": "JFK", "to": "LAX", "user": "other", "secret": "x"},
        columns={"user_id": "who", "feature": "{from}-{to}"},
        leave_out=frozenset({"secret"}),
    )
    assert (made.user_id, made.feature) == ("mia", "JFK-LAX")
    assert json.loads(made.properties_json) == {"user": "other"}


def test_the_same_row_is_the_same_event_and_equal_rows_are_different_ones() -> None:
    row = Row(1, "text", {"time": AT, "type": "login"})
    first, again = mapper(), mapper()
    ids = [made.event_id for _ in range(3) if isinstance(made := first.event(row), Event)]
    assert len(set(ids)) == 3
    assert all(UUID(one).version == 7 for one in ids)
    again.pass_over(row)
    resumed = again.event(row)
    assert isinstance(resumed, Event)
    assert resumed.event_id == ids[1]
    elsewhere = mapper("another file").event(row)
    assert isinstance(elsewhere, Event)
    assert elsewhere.event_id not in ids


def test_an_id_of_its_own_is_kept() -> None:
    assert event({"id": "not even a uuid"}).event_id == "not even a uuid"


def test_a_local_time_without_a_zone_stops_everything() -> None:
    row = Row(3, "", {"time": "2026-01-01 00:00", "type": "login"})
    with pytest.raises(MappingRefused, match=r"Row 3 .* --time-zone"):
        mapper().event(row)
    made = mapper(zone="Europe/Berlin").event(row)
    assert isinstance(made, Event)
    assert made.occurred_at.ToJsonString() == "2025-12-31T23:00:00Z"


@pytest.mark.parametrize(
    ("columns", "wish", "words"),
    [
        (["user"], {"type": "login"}, "--map occurred_at=COLUMN"),
        (["time"], {}, "--type NAME"),
        (
            ["time", "x"],
            {"type": "a", "columns": {"user_id": "who"}},
            "no column who; it has time, x",
        ),
        (["time"], {"type": "a", "columns": {"feature": "{a}-{b}"}}, "no column a, b"),
        (["time"], {"type": "a", "leave_out": frozenset({"y"})}, "no column y"),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused_before_anything_is_sent(
    columns: list[str], wish: dict[str, Any], words: str
) -> None:
    with pytest.raises(MappingRefused, match=words.replace("{", "\\{")):
        mapper(**wish).check(columns)
