"""Which events may enter, at the boundaries; and what makes two events the same."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from footfall.events.v1 import event_pb2
from services.event_ingest.event_types.rules import BUILT_IN, EventTypeRule, Impact
from services.event_ingest.events import rules, wire
from services.event_ingest.events.errors import (
    EventInFuture,
    EventTooOld,
    EventTypeDeprecated,
    InvalidEvent,
    InvalidProperties,
    SchemaViolated,
    UnknownEventType,
)
from services.event_ingest.events.rules import NewEvent, Organisation
from shared import ids

NOW = 1_800_000_000_000_000
DAY = rules.DAY_US
ACME = Organisation(
    org_id=UUID(int=1),
    time_zone="UTC",
    currency="USD",
    retention_days=365,
    keep_ip=False,
    types=BUILT_IN,
    type_names={rule.type_id: name for name, rule in BUILT_IN.items()},
)
FOR_EVER = replace(ACME, retention_days=None)


def admit(
    organisation: Organisation = ACME, writes_as: str | None = None, **fields: Any
) -> NewEvent:
    event = event_pb2.Event(**{"type": "login", **fields})
    return wire.to_new_event(event, organisation, NOW, writes_as)


@pytest.mark.parametrize(
    ("organisation", "moment", "refused"),
    [
        (ACME, NOW, None),
        (ACME, NOW + DAY, None),
        (ACME, NOW + DAY + 1, EventInFuture),
        (ACME, NOW - 365 * DAY, None),
        (ACME, NOW - 365 * DAY - 1, EventTooOld),
        (FOR_EVER, rules.FLOOR_US, None),
        (FOR_EVER, rules.FLOOR_US - 1, EventTooOld),
        (replace(ACME, retention_days=36500), rules.FLOOR_US - 1, EventTooOld),
    ],
)
def test_the_window_of_accepted_times_is_closed(
    organisation: Organisation, moment: int, refused: type[Exception] | None
) -> None:
    if refused is None:
        rules.check_time(moment, "occurred_at", organisation, NOW)
    else:
        with pytest.raises(refused):
            rules.check_time(moment, "occurred_at", organisation, NOW)


def test_the_time_is_the_one_said_else_that_of_the_id_else_that_of_receipt() -> None:
    an_hour_ago = NOW - 3_600_000_000
    v7, v4 = ids.text(ids.uuid7(an_hour_ago // 1000)), str(uuid4())
    said = {"seconds": (NOW - DAY) // 1_000_000}
    assert admit(event_id=v7, occurred_at=said).occurred_us == NOW - DAY
    assert admit(event_id=v7).occurred_us == an_hour_ago
    assert admit(event_id=v4).occurred_us == NOW
    assert admit().occurred_us == NOW // 1000 * 1000  # the id that the server gave it


def test_nanoseconds_are_cut_to_microseconds() -> None:
    moment = {"seconds": NOW // 1_000_000, "nanos": 1_999}
    assert admit(occurred_at=moment).occurred_us == NOW + 1


def test_the_impact_is_the_one_said_else_that_of_the_type() -> None:
    assert admit(type="export_action").impact == Impact.HIGH
    assert admit(type="login").impact == Impact.LOW
    assert admit(type="login", impact=Impact.MEDIUM).impact == Impact.MEDIUM


def test_members_are_filled_in_and_nobody_else() -> None:
    assert admit(writes_as="mia").user_id == "mia"
    assert admit(writes_as="mia", user_id="mia").user_id == "mia"
    assert admit(writes_as=None).user_id is None
    with pytest.raises(InvalidEvent):
        admit(writes_as="mia", user_id="milo")


def test_times_that_are_filled_in_change_no_content() -> None:
    one = str(uuid4())
    hashes = {
        admit(event_id=one).content_hash,
        wire.to_new_event(
            event_pb2.Event(type="login", event_id=one), ACME, NOW + 5, None
        ).content_hash,
    }
    assert len(hashes) == 1


def test_the_member_who_is_filled_in_is_content_as_if_it_had_been_said() -> None:
    one = str(uuid4())
    mia = admit(event_id=one, writes_as="mia").content_hash
    assert mia == admit(event_id=one, writes_as="mia", user_id="mia").content_hash
    assert mia == admit(event_id=one, user_id="mia").content_hash
    assert mia != admit(event_id=one, writes_as="milo").content_hash
    assert mia != admit(event_id=one).content_hash


def test_filling_in_leaves_the_event_as_it_was_sent() -> None:
    """For what is refused is kept, and must say what its sender said."""
    sent = event_pb2.Event(type="login", event_id=str(uuid4()))
    before = sent.SerializeToString()
    wire.to_new_event(sent, ACME, NOW, "mia")
    assert sent.SerializeToString() == before


@pytest.mark.parametrize(
    ("cost", "kept"),
    [
        ({"units": 1_000_000}, 10**15),
        ({"units": 1_000_000, "nanos": 1}, None),
        ({"units": 9_223_372_036}, None),
        ({"nanos": 1}, 1),
    ],
)
def test_a_cost_has_a_bound_that_no_counter_needs_to_fear(
    cost: dict[str, int], kept: int | None
) -> None:
    if kept is not None:
        assert admit(cost=cost).cost_nanos == kept
        return
    with pytest.raises(InvalidEvent) as refused:
        admit(cost=cost)
    assert [one.field for one in refused.value.violations] == ["cost"]


def test_postgres_refusing_a_number_is_blamed_on_the_cost_if_there_is_one() -> None:
    def blamed(**fields: Any) -> list[str]:
        out_of_range = fields.pop("out_of_range", True)
        error = rules.unstorable(admit(**fields), out_of_range=out_of_range)
        return [one.field for one in error.violations]

    assert blamed(cost={"units": 1}) == ["cost"]
    assert blamed(cost={"units": 1}, out_of_range=False) == ["properties"]
    assert blamed() == ["properties"]


@given(st.dictionaries(st.text(max_size=5), st.integers(), max_size=5), st.data())
def test_any_change_of_content_changes_the_hash(
    properties: dict[str, int], data: st.DataObject
) -> None:
    text = orjson.dumps({key.replace("\0", ""): 1 for key in properties}).decode()
    change: dict[str, Any] = data.draw(
        st.sampled_from(
            [
                {"user_id": "x"},
                {"feature": "x"},
                {"impact": 2},
                {"occurred_at": {"seconds": NOW // 1_000_000 - 77}},
            ]
        )
    )
    one = str(uuid4())
    before = admit(event_id=one, properties_json=text)
    after = admit(event_id=one, properties_json=text, **change)
    assert before.content_hash != after.content_hash


def test_an_unknown_type_is_refused_with_the_nearest_names() -> None:
    with pytest.raises(UnknownEventType) as refused:
        admit(type="page_veiw")
    assert "page_view" in refused.value.violations[0].description


def test_a_deprecated_type_is_taken_until_its_time() -> None:
    def organisation(refuse_from: int) -> Organisation:
        rule = EventTypeRule(1000, 1, refuse_from_us=refuse_from)
        return replace(ACME, types={"old": rule})

    assert admit(organisation(NOW + 1), type="old").type_id == 1000
    with pytest.raises(EventTypeDeprecated):
        admit(organisation(NOW), type="old")


def test_a_schema_is_enforced_also_where_there_are_no_properties() -> None:
    rule = EventTypeRule(1000, 1, violations=lambda value: [] if value else ["x: is required"])
    organisation = replace(ACME, types={"signup": rule})
    admit(organisation, type="signup", properties_json='{"x": 1}')
    nothing: list[dict[str, Any]] = [{}, {"properties_json": "{}"}]
    for fields in nothing:
        with pytest.raises(SchemaViolated) as refused:
            admit(organisation, type="signup", **fields)
        assert "x: is required" in refused.value.violations[0].description


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('{"a":' * 20 + "1" + "}" * 20, True),
        ('{"a":' * 21 + "1" + "}" * 21, False),
        ('{"a":' + "[" * 19 + "]" * 19 + "}", True),
        ('{"a":' + "[" * 20 + "]" * 20 + "}", False),
        ('{"a":"{{{{{{{{{{{{{{{{{{{{{{{{{{{{{"}', True),
        ("{" + ",".join(f'"{n}":[]' for n in range(1000)) + "}", True),
        ("{" + ",".join(f'"{n}":[]' for n in range(1001)) + "}", False),
        ('{"a":"\\u0000"}', False),
        ('{"a":["\\\\u0000"]}', True),
        ('{"a":["x\\\\\\u0000"]}', False),
        ('{"a":5e-324}', True),
        ('{"a":1e-20000}', False),
        ('{"a":[0E-00400]}', False),
        ('{"a":0.' + "0" * 400 + "1}", False),
        ('{"a":"7a3e-4567","b":"1e-20000"}', True),
    ],
)
def test_properties_have_bounds(text: str, kept: bool) -> None:  # noqa: FBT001
    if kept:
        assert admit(properties_json=text).data is not None
    else:
        with pytest.raises(InvalidProperties):
            admit(properties_json=text)


@pytest.mark.parametrize(
    ("points", "kept"),
    [("15", 15), ("15.9", 15), ("0", 0), ("-1", None), ('"15"', None), ("true", None)],
)
def test_competency_points_are_numbers_of_milestones(points: str, kept: int | None) -> None:
    text = f'{{"competency_points":{points}}}'
    assert admit(type="competency_milestone", properties_json=text).points == kept
    assert admit(type="login", properties_json=text).points is None


@given(
    new=st.booleans(),
    is_first=st.booleans(),
    same=st.booleans(),
)
def test_a_verdict_is_accepted_once_and_else_by_content(
    new: bool,  # noqa: FBT001
    is_first: bool,  # noqa: FBT001
    same: bool,  # noqa: FBT001
) -> None:
    first = admit(user_id="mia", event_id=str(uuid4()))
    event = first if is_first else first._replace(user_id="milo")
    stored = event.content_hash if same else event.content_hash + 1
    verdict = rules.judge(event, first, new=new, stored_hash=stored).verdict
    if new and is_first:
        assert verdict is rules.Verdict.ACCEPTED
    else:
        assert verdict is (rules.Verdict.DUPLICATE if same else rules.Verdict.CONFLICT)
