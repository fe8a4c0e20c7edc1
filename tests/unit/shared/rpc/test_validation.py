"""The rules of the protos, one validator call per message."""

from __future__ import annotations

import pytest
from google.protobuf.message import Message

from footfall.events.v1.event_ingest_pb2 import (
    IngestEventRequest,
    IngestEventsRequest,
    ListEventsRequest,
    ReplayRejectedEventsRequest,
)
from footfall.events.v1.event_pb2 import Event
from footfall.insights.v1.settings_pb2 import DetectorSettings, UpdateDetectorSettingsRequest
from shared.errors import Violation
from shared.rpc import validation
from shared.rpc.validation import Rules, ValidatorUnfit

GOOD = Event(type="page_view")


def test_a_bad_item_is_found_by_its_index_and_the_others_are_not_touched() -> None:
    request = IngestEventsRequest(
        events=[GOOD, Event(user_id="x" * 129), GOOD, Event(event_id="7")]
    )
    found = Rules([IngestEventsRequest]).by_item(request, "events")
    assert {index: {one.field for one in broken} for index, broken in found.items()} == {
        1: {"type", "user_id"},
        3: {"type", "event_id"},
    }


def test_a_good_batch_has_nothing_to_tell() -> None:
    rules = Rules()
    assert not rules.by_item(IngestEventsRequest(events=[GOOD] * 3), "events")
    assert not rules.violations(IngestEventsRequest(events=[GOOD] * 3))


def test_what_is_wrong_with_the_batch_itself_stands_apart() -> None:
    request = ReplayRejectedEventsRequest(rejection_ids=["x"], reason="y" * 65)
    found = Rules().by_item(request, "rejection_ids")
    assert found == {
        0: [Violation("", "must be a valid UUID")],
        None: [Violation("reason", "must be at most 64 characters")],
    }


def test_paths_name_the_item_in_lists() -> None:
    found = Rules().violations(ReplayRejectedEventsRequest(rejection_ids=["x"]))
    assert [one.field for one in found] == ["rejection_ids[0]"]


def test_a_validator_of_another_age_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(validation, "version", lambda _: "1.2.0")
    with pytest.raises(ValidatorUnfit, match=r"protovalidate 1\.2\.0 is installed"):
        Rules()


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        (ListEventsRequest(user_id="mi\0a", types=["login", "log\0out"]), ["user_id", "types"]),
        (IngestEventRequest(event=Event(type="login", feature="\0")), ["event.feature"]),
        (UpdateDetectorSettingsRequest(settings=DetectorSettings(churn_ratio=0.5)), []),
    ],
)
def test_no_text_holds_what_postgres_cannot_keep(message: Message, fields: list[str]) -> None:
    """Zero bytes of numbers are none of its business."""
    assert [one.field for one in Rules().violations(message)] == fields
