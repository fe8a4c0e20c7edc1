"""GetDetectorSettings and UpdateDetectorSettings: the promises of settings.proto, one by one."""

from __future__ import annotations

import math
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from footfall.insights.v1 import settings_pb2 as pb
from services.insight.detection.rules.settings import DetectorSettings
from services.insight.detector_settings.rules import Edition
from services.insight.detector_settings.wire import to_settings
from tests.ingesting import Refused, refusal
from tests.insighting import Asker, Insight
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase


@pytest.fixture
def owner(insight: Insight, acme: Organisation) -> Asker:
    return insight.asker(acme, "olga")


def current(asker: Asker, version: int = 0) -> pb.DetectorSettings:
    request = pb.GetDetectorSettingsRequest(version=version)
    settings: pb.DetectorSettings = asker.call("GetDetectorSettings", request).settings
    return settings


def update(asker: Asker, request_id: str = "", **fields: Any) -> pb.DetectorSettings:
    settings = pb.DetectorSettings(**fields)
    request = pb.UpdateDetectorSettingsRequest(request_id=request_id, settings=settings)
    made: pb.DetectorSettings = asker.call("UpdateDetectorSettings", request).settings
    return made


def refused(act: Any, *arguments: Any, **fields: Any) -> Refused:
    with pytest.raises(grpc.RpcError) as failure:
        act(*arguments, **fields)
    return refusal(failure.value)


def test_the_defaults_are_those_of_the_contract(asker: Asker) -> None:
    found = current(asker)
    assert (found.version, found.changed_by, found.HasField("changed_at")) == (0, "", False)
    numbers = {one.name: value for one, value in found.ListFields() if one.number in range(10, 23)}
    assert numbers == {
        "churn_ratio": 0.3,
        "decline_ratio": 0.5,
        "min_previous_events": 20,
        "silence_min_events": 300,
        "power_user_count": 50,
        "upsell_count": 20,
        "upsell_ratio": 2,
        "stuck_count": 5,
        "adoption_points": 10,
        "adoption_min_users": 5,
        "abandonment_share": 0.3,
        "abandonment_min_starts": 20,
        "fleet_ratio": 0,
    }
    weights = {one.name: value for one, value in found.weights.ListFields()}
    assert weights == {
        "churn_risk": 0.9,
        "declining_usage": 0.8,
        "power_user": 0.85,
        "upsell_opportunity": 0.7,
        "stuck_user": 0.75,
        "feature_adoption": 0.5,
        "feature_abandonment": 0.6,
    }


def test_every_threshold_of_the_contract_is_stored_and_shown(owner: Asker) -> None:
    """Each gets a number of its own, so that no two can be mistaken for each other."""
    wanted = pb.DetectorSettings()
    for place, one in enumerate(pb.DetectorSettings.DESCRIPTOR.fields):
        if one.number in range(10, 23):
            whole = one.type == one.TYPE_INT32
            setattr(wanted, one.name, 40 + place if whole else (100 + place) / 1000)
    wanted.upsell_ratio = 3.25
    for place, one in enumerate(pb.DetectorWeights.DESCRIPTOR.fields):
        setattr(wanted.weights, one.name, place / 10)
    asked = pb.UpdateDetectorSettingsRequest(settings=wanted)
    made = owner.call("UpdateDetectorSettings", asked).settings
    for field in ("version", "etag", "changed_by", "changed_at"):
        made.ClearField(field)
    assert made == wanted


def test_a_change_makes_a_version_and_the_rest_stays(owner: Asker) -> None:
    before = current(owner)
    first = update(owner, etag=before.etag, churn_ratio=0.2, min_previous_events=200)
    second = update(owner, etag=first.etag, weights=pb.DetectorWeights(stuck_user=0.1))
    assert [first.version, second.version] == [1, 2]
    assert (second.churn_ratio, second.min_previous_events) == (0.2, 200)
    assert (second.weights.stuck_user, second.weights.churn_risk) == (0.1, 0.9)
    assert second.decline_ratio == before.decline_ratio
    assert second.changed_by == "olga"
    assert second.changed_at.ToMicroseconds() > first.changed_at.ToMicroseconds()


def test_each_version_can_be_read_and_zero_is_the_current_one(owner: Asker) -> None:
    first = update(owner, stuck_count=7)
    second = update(owner, stuck_count=8)
    assert current(owner, 1) == first
    assert current(owner, 2) == current(owner) == second
    found = refused(current, owner, 3)
    assert (found.code, found.metadata) == (
        grpc.StatusCode.NOT_FOUND,
        {"resource": "detector_settings"},
    )


def test_a_threshold_can_be_zero(owner: Asker) -> None:
    """Absent and 0 are different things."""
    made = update(owner, fleet_ratio=0.8, stuck_count=0)
    assert (made.fleet_ratio, made.stuck_count) == (0.8, 0)
    assert update(owner, fleet_ratio=0).fleet_ratio == 0


def test_what_was_read_can_be_sent_back(owner: Asker) -> None:
    first = update(owner, stuck_count=7)
    request = pb.UpdateDetectorSettingsRequest(settings=first)
    again = owner.call("UpdateDetectorSettings", request).settings
    assert (again.version, again.stuck_count) == (2, 7)


def test_what_the_server_sets_cannot_be_chosen(owner: Asker) -> None:
    found = refused(update, owner, version=7, changed_by="somebody", stuck_count=7)
    assert found.code is grpc.StatusCode.INVALID_ARGUMENT
    assert set(found.violations) == {"settings.version", "settings.changed_by"}


def test_a_stale_etag_is_refused(owner: Asker) -> None:
    before = current(owner)
    update(owner, etag=before.etag, stuck_count=7)
    found = refused(update, owner, etag=before.etag, stuck_count=8)
    assert (found.code, found.reason) == (grpc.StatusCode.ABORTED, "STALE_ETAG")
    assert current(owner).stuck_count == 7


def test_an_etag_fits_its_own_organisation_alone(
    insight: Insight, owner: Asker, globex: Organisation
) -> None:
    other = insight.asker(globex, "olga")
    found = refused(update, other, etag=current(owner).etag, stuck_count=7)
    assert found.code is grpc.StatusCode.ABORTED
    update(owner, stuck_count=7)
    assert current(other).stuck_count == 5


def test_of_two_who_change_the_same_at_once_one_is_refused(
    insight: Insight, acme: Organisation
) -> None:
    askers = [insight.asker(acme, subject) for subject in ("olga", "adam")] * 4
    etag = current(askers[0]).etag

    def change(asker: Asker) -> grpc.StatusCode | None:
        try:
            update(asker, etag=etag, stuck_count=9)
        except grpc.RpcError as error:
            return refusal(error).code
        return None

    with ThreadPoolExecutor(len(askers)) as pool:
        answers = list(pool.map(change, askers))
    assert answers.count(None) == 1
    assert answers.count(grpc.StatusCode.ABORTED) == len(askers) - 1
    assert current(askers[0]).version == 1


def test_without_an_etag_every_change_counts(insight: Insight, acme: Organisation) -> None:
    askers = [insight.asker(acme, "olga") for _ in range(6)]
    with ThreadPoolExecutor(len(askers)) as pool:
        made = list(pool.map(lambda asker: update(asker, stuck_count=9).version, askers))
    assert sorted(made) == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("field", "fields"),
    [
        ("settings.churn_ratio", {"churn_ratio": -0.1}),
        ("settings.churn_ratio", {"churn_ratio": 1.0}),
        ("settings.churn_ratio", {"churn_ratio": math.nan}),
        ("settings.decline_ratio", {"decline_ratio": 0.0}),
        ("settings.upsell_ratio", {"upsell_ratio": 1.0}),
        ("settings.upsell_ratio", {"upsell_ratio": math.inf}),
        ("settings.min_previous_events", {"min_previous_events": 0}),
        ("settings.stuck_count", {"stuck_count": -1}),
        ("settings.adoption_points", {"adoption_points": 100.5}),
        ("settings.abandonment_share", {"abandonment_share": 1.0}),
        ("settings.fleet_ratio", {"fleet_ratio": 1.5}),
        ("settings.weights.churn_risk", {"weights": {"churn_risk": 1.1}}),
        ("settings.churn_ratio", {"churn_ratio": 0.6}),
        ("settings.churn_ratio", {"decline_ratio": 0.2}),
    ],
)
def test_what_makes_no_sense_is_refused(owner: Asker, field: str, fields: dict[str, Any]) -> None:
    found = refused(update, owner, **fields)
    assert (found.code, found.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert list(found.violations) == [field]
    assert current(owner).version == 0


def test_equal_ratios_leave_no_room_for_declining_but_do_not_contradict(owner: Asker) -> None:
    made = update(owner, churn_ratio=0.5)
    assert (made.churn_ratio, made.decline_ratio) == (0.5, 0.5)


def test_a_repeat_gets_the_first_answer(owner: Asker) -> None:
    request_id = str(uuid.uuid4())
    first = update(owner, request_id, stuck_count=7)
    assert update(owner, request_id, stuck_count=7) == first
    assert current(owner).version == 1
    found = refused(update, owner, request_id, stuck_count=8)
    assert (found.code, found.reason) == (grpc.StatusCode.ALREADY_EXISTS, "REQUEST_ID_REUSED")


def test_only_owners_and_admins_change_and_members_do_not_see(
    insight: Insight, acme: Organisation, asker: Asker
) -> None:
    assert refused(update, asker, stuck_count=7).code is grpc.StatusCode.PERMISSION_DENIED
    member = insight.asker(acme, "mia")
    assert refused(current, member).code is grpc.StatusCode.PERMISSION_DENIED
    assert update(insight.asker(acme, "adam"), stuck_count=7).changed_by == "adam"


def test_a_change_is_audited_with_what_it_changed(
    shared_database: MigratedDatabase, acme: Organisation, owner: Asker
) -> None:
    update(owner, churn_ratio=0.25, weights=pb.DetectorWeights(stuck_user=0.5), stuck_count=5)
    refused(update, owner, churn_ratio=0.9)
    entries = shared_database.execute(
        "SELECT action, target, actor, actor_role, details FROM app.audit_entries"
        " WHERE org_id = %s AND action LIKE 'detector_settings.%%'",
        acme.org_id,
    )
    changed = {"churn_ratio": [0.3, 0.25], "weights.stuck_user": [0.75, 0.5]}
    details = {"version": 1, "changed": changed}
    assert entries == [("detector_settings.update", "1", "olga", "owner", details)]


def test_a_threshold_that_is_newer_than_the_row_has_its_default(acme: Organisation) -> None:
    stored = Edition.of(1, {"stuck_count": 9, "weights": {}}, "olga", None)  # type: ignore[arg-type]
    shown = to_settings(stored, acme.org_id)
    assert (shown.stuck_count, shown.upsell_count) == (9, DetectorSettings().upsell_count)
