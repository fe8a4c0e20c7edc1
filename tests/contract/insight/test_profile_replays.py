"""Replaying the same events, in whatever order, changes no profile; an oracle says the same."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from footfall.insights.v1 import profile_pb2
from footfall.insights.v1 import profile_requests_pb2 as pb
from services.insight.profiles import rules
from tests.ingesting import Caller, Ingest, event
from tests.insighting import Asker, Insight
from tests.organisations import add_organisation
from tests.postgres import MigratedDatabase
from tests.profiling import AREAS, BAD, GOOD, NEUTRAL, Deed, Offline, deeds, tally

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
"""Of a day that is over, so that no midnight comes between an event and the question."""


def of(deed: Deed, user_id: str) -> Any:
    fields: dict[str, Any] = {
        "occurred_at": NOON - timedelta(days=deed.age),
        "impact": deed.impact,
        "competency_area": deed.area,
    }
    if deed.points:
        fields["properties_json"] = f'{{"competency_points": {deed.points}}}'
    return event(deed.kind, user_id=user_id, **fields)


def record(asker: Asker, action: Offline, user_id: str) -> None:
    told: dict[str, Any] = {
        "user_id": user_id,
        "kind": profile_pb2.CUSTOMER_ACTION_KIND_CALL,
        "outcome": action.outcome,
        "competency_area": action.area,
        "occurred_at": NOON - timedelta(days=action.age),
    }
    request = pb.RecordCustomerActionRequest(action=profile_pb2.CustomerAction(**told))
    asker.call("RecordCustomerAction", request)


def profile_of(asker: Asker, user_id: str) -> Any:
    told: Any = NOON
    request = pb.GetBehaviourProfileRequest(user_id=user_id, as_of=told)
    return asker.call("GetBehaviourProfile", request).profile


_USERS = (f"user-{number}" for number in itertools.count())


class TestReplay:
    @pytest.fixture(scope="class")
    @staticmethod
    def theirs(
        shared_database: MigratedDatabase, ingest: Ingest, insight: Insight
    ) -> tuple[Caller, Asker]:
        organisation = add_organisation(shared_database, "Replay")
        return ingest.caller(organisation), insight.asker(organisation)

    @settings(
        max_examples=15,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
    @given(
        st.lists(deeds(), min_size=1, max_size=30),
        st.lists(
            st.builds(
                Offline,
                st.integers(0, 90),
                st.sampled_from((GOOD, NEUTRAL, BAD)),
                st.sampled_from(("", *AREAS)),
            ),
            max_size=3,
        ),
        st.randoms(use_true_random=False),
    )
    def test_order_repetition_and_lateness_change_nothing(
        self,
        theirs: tuple[Caller, Asker],
        past: list[Deed],
        actions: list[Offline],
        chance: random.Random,
    ) -> None:
        """In order, or shuffled and with repetitions: both are what the oracle says."""
        backend, asker = theirs
        expected = rules.profile(tally(past, actions))
        first, second = next(_USERS), next(_USERS)
        in_order = [of(deed, first) for deed in sorted(past, key=lambda deed: -deed.age)]
        shuffled = [of(deed, second) for deed in past]
        shuffled += chance.choices(shuffled, k=5)
        chance.shuffle(shuffled)
        backend.ingest(*in_order)
        for piece in _pieces(shuffled, chance):
            backend.ingest(*piece)
        found = []
        for user_id in (first, second):
            for action in actions:
                record(asker, action, user_id)
            found.append(profile_of(asker, user_id))
        _agree(found[0], expected)
        found[1].user_id = first
        assert found[1] == found[0]  # to the last bit


def _pieces(events: Sequence[Any], chance: random.Random) -> list[Sequence[Any]]:
    middle = chance.randint(0, len(events))
    return [piece for piece in (events[:middle], events[middle:]) if piece]


def _agree(found: Any, expected: rules.Profile) -> None:
    known = expected.tally
    assert found.scaling_score == pytest.approx(expected.scaling_score, rel=1e-9)
    assert found.progression_rate == pytest.approx(expected.progression_rate, abs=1e-9)
    assert found.credibility_trend == expected.credibility_trend
    for area in AREAS:
        score = getattr(expected.competencies, area)
        assert getattr(found.competencies, area) == pytest.approx(score, rel=1e-9)
    for field in profile_pb2.ProfileTotals.DESCRIPTOR.fields:
        assert getattr(found.totals, field.name) == getattr(known, field.name), field.name
    assert found.days_since_last_activity == known.newest_age
    assert [one.name for one in found.risk_factors] == [one.name for one in expected.risk_factors]
    assert found.missing == expected.missing
    assert found.sufficient is not bool(expected.missing)
