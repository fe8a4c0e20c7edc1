"""What each word of the trade puts into an event."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from footfall.events.v1.event_pb2 import (
    IMPACT_HIGH,
    IMPACT_MEDIUM,
    MODEL_REQUEST_STATUS_TIMEOUT,
    REVENUE_KIND_REFUND,
    Event,
)
from footfall_client import (
    Client,
    DropCode,
    DropReason,
    EventDropped,
    Options,
    Tracking,
)


class Silent(Client):
    """Takes events and sends none; what was taken is dropped at its end, where a test sees it."""

    def _wake(self) -> None:
        pass


def tracked(*calls: Callable[[Tracking], object], options: Options | None = None) -> list[Event]:
    events: list[Event] = []
    client = Silent("localhost:1", on_drop=lambda event, _: events.append(event), options=options)
    for call in calls:
        call(client)
    client.close(0)
    return events


def the_one(call: Callable[[Tracking], object]) -> Event:
    (event,) = tracked(call)
    return event


def test_a_feature_is_used_or_abandoned() -> None:
    used, abandoned = tracked(
        lambda client: client.track_feature("search", user_id="u"),
        lambda client: client.track_feature("search", abandoned=True),
    )
    assert (used.type, used.feature, used.user_id) == ("feature_used", "search", "u")
    assert abandoned.type == "feature_abandoned"


def test_tool_usage_names_tool_and_section() -> None:
    event = the_one(lambda client: client.track_tool_usage("calculator", section="report"))
    assert (event.type, event.feature, event.section) == ("tool_usage", "calculator", "report")


def test_an_export_is_of_high_impact_unless_said_otherwise() -> None:
    event, lesser = tracked(
        lambda client: client.track_export("calculator", "pdf", properties={"pages": 3}),
        lambda client: client.track_export("calculator", "pdf", impact="medium"),
    )
    assert (event.type, event.impact, lesser.impact) == (
        "export_action",
        IMPACT_HIGH,
        IMPACT_MEDIUM,
    )
    assert json.loads(event.properties_json) == {"pages": 3, "export_type": "pdf"}


def test_a_milestone_carries_its_points() -> None:
    event = the_one(
        lambda client: client.track_milestone(
            "customer_intelligence", "First analysis", competency_points=15
        )
    )
    assert (event.type, event.competency_area) == ("competency_milestone", "customer_intelligence")
    assert json.loads(event.properties_json) == {
        "competency_points": 15,
        "description": "First analysis",
    }


def test_a_generated_resource_matters_more_than_a_failure() -> None:
    done, failed = tracked(
        lambda client: client.track_resource_generation("icp", "persona"),
        lambda client: client.track_resource_generation("icp", succeeded=False),
    )
    assert (done.impact, failed.impact) == (IMPACT_HIGH, IMPACT_MEDIUM)
    assert json.loads(failed.properties_json) == {"succeeded": False}


def test_a_model_request_is_typed_and_its_cost_exact() -> None:
    request = the_one(
        lambda client: client.track_model_request(
            "m-1",
            provider="p",
            input_tokens=3,
            status="timeout",
            reported_cost="0.015",
            currency="USD",
            quality=0.0,
        )
    ).model_request
    assert (request.model, request.input_tokens) == ("m-1", 3)
    assert request.status == MODEL_REQUEST_STATUS_TIMEOUT
    assert (request.reported_cost.currency_code, request.reported_cost.nanos) == ("USD", 15_000_000)
    assert request.HasField("quality")


def test_an_unrated_answer_is_not_rated_zero() -> None:
    event = the_one(lambda client: client.track_model_request("m-1"))
    assert not event.model_request.HasField("quality")
    assert not event.model_request.HasField("reported_cost")


def test_revenue_is_typed() -> None:
    revenue = the_one(
        lambda client: client.track_revenue("9.99", "EUR", "refund", tier="gold")
    ).revenue
    assert (revenue.amount.units, revenue.amount.nanos) == (9, 990_000_000)
    assert (revenue.kind, revenue.tier) == (REVENUE_KIND_REFUND, "gold")


def test_pages_tell_how_long_the_one_before_was_looked_at() -> None:
    events = tracked(
        lambda client: client.page("/a", user_id="u"),
        lambda client: client.track_feature("search", user_id="u"),
        lambda client: client.page("/b", user_id="u"),
        lambda client: client.leave_page(user_id="u"),
        lambda client: client.leave_page(user_id="u"),
    )
    assert [(event.type, event.context.url) for event in events] == [
        ("page_view", "/a"),
        ("feature_used", "/a"),
        ("navigation", "/a"),
        ("page_view", "/b"),
        ("navigation", "/b"),
    ]


def test_bound_fields_need_not_be_repeated_and_give_way() -> None:
    def bound(client: Tracking) -> None:
        user = client.bind(user_id="u", context={"os": "plan9"}, properties={"a": 1, "b": 1})
        user.track_export("tool", "pdf", properties={"b": 2}, context={"browser": "lynx"})
        user.bind(user_id="v").page("/a")

    export, page = tracked(bound)
    assert (export.user_id, export.context.os, export.context.browser) == ("u", "plan9", "lynx")
    assert json.loads(export.properties_json) == {"a": 1, "b": 2, "export_type": "pdf"}
    assert (page.user_id, page.context.os, page.context.url) == ("v", "plan9", "/a")


def test_sessions_are_stamped_when_asked_for() -> None:
    events = tracked(
        lambda client: client.track("login", user_id="u"),
        lambda client: client.track("login", user_id="u"),
        options=Options(sessions=True),
    )
    assert len({event.session_id for event in events}) == 1
    assert events[0].session_id


Broken = Callable[[Any], object]
BROKEN: dict[str, Broken] = {
    "no type": lambda client: client.track(None),
    "a number as user": lambda client: client.track("login", user_id=7),
    "a NaN": lambda client: client.track("login", properties={"a": float("nan")}),
    "properties of text": lambda client: client.track("login", properties="no object"),
    "a context of text": lambda client: client.track("login", context="no mapping"),
    "a float as cost": lambda client: client.track("login", cost=0.1),
    "a detail of text": lambda client: client.track("login", detail="no detail"),
    "a list of properties": lambda client: client.track_export("x", "pdf", properties=["a"]),
    "a float as revenue": lambda client: client.track_revenue(1.5, "EUR"),
    "a kind of its own": lambda client: client.track_revenue("1.5", "EUR", "theft"),
    "no status": lambda client: client.track_model_request("m", status=None),
    "a list as page": lambda client: client.page(["no url"], user_id=["nobody"]),
    "a number as context": lambda client: client.page("/a", context=7),
}


@pytest.mark.parametrize("call", BROKEN.values(), ids=BROKEN)
def test_what_is_no_event_is_dropped_and_told_and_never_raised(call: Broken) -> None:
    told: list[DropReason] = []
    client = Silent("localhost:1", on_drop=lambda _, reason: told.append(reason))
    assert call(client) is None
    assert [reason.code for reason in told] == [DropCode.INVALID_EVENT]
    assert (client.counts.sent, client.counts.dropped) == (1, 1)


@pytest.mark.parametrize("call", BROKEN.values(), ids=BROKEN)
def test_it_is_raised_where_the_host_asked_for_that(call: Broken) -> None:
    client = Silent("localhost:1", raise_errors=True)
    with pytest.raises(EventDropped):
        call(client)


def test_an_event_that_is_too_large_is_dropped_before_it_is_queued() -> None:
    told: list[DropReason] = []
    client = Silent(
        "localhost:1",
        on_drop=lambda _, reason: told.append(reason),
        options=Options(max_event_bytes=1000),
    )
    assert client.track("login", properties={"a": "x" * 1000}) is None
    assert told[0].code is DropCode.EVENT_TOO_LARGE


def test_a_callback_that_fails_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: Event, __: DropReason) -> None:
        raise RuntimeError("host bug")

    client = Silent("localhost:1", on_drop=fail)
    assert client.track("login", cost=0.1) is None  # type: ignore[arg-type]
    assert "a callback of the host failed" in caplog.text


def test_a_flood_of_drops_is_no_flood_of_log_lines_and_quotes_no_event(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG, "footfall_client")
    client = Silent("localhost:1")
    for _ in range(1000):
        client.track("login", impact="hunter2")  # type: ignore[arg-type]
    assert len(caplog.records) == 10
    assert "hunter2" not in caplog.text


def test_events_made_already_get_an_id_and_keep_the_one_they_have() -> None:
    client = Silent("localhost:1")
    events = [Event(type="login"), Event(type="login", event_id="mine")]
    assert client.track_many(iter(events)) == 2
    assert events[0].event_id
    assert events[1].event_id == "mine"
