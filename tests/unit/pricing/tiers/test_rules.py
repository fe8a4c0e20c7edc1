"""What a change of a tier or a subscription means."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.pricing.tiers.errors import TierRetired
from services.pricing.tiers.rules import (
    Profile,
    Subscription,
    Term,
    Tier,
    ValueMetric,
    WantedTier,
    check_open,
    differences,
)

NOW = datetime(2026, 11, 1, tzinfo=UTC)
ORG = uuid4()
PROFILE = Profile("Pro", "", (ValueMetric("users", 1, 2, 3.0),), 100, None, retired=False)
TIER = Tier(
    "pro", "EUR", 2, PROFILE, revision=1, created_at=NOW, updated_at=NOW, amount_minor=1000,
    version=1, priced_at=NOW,
)  # fmt: skip
RUNNING = Subscription("s1", "nils", "pro", NOW, None, 1, 1000, "EUR", 1, None, None)


@given(st.timedeltas(timedelta(days=-30), timedelta(days=30)))
def test_times_only_ever_grow(later: timedelta) -> None:
    """Clocks of two processes differ: a change is after the one before all the same."""
    changed = TIER.replaced(PROFILE, NOW + later)
    assert changed.updated_at > TIER.updated_at
    assert changed.revision == TIER.revision + 1
    assert changed.created_at == TIER.created_at


def test_an_etag_fits_one_state_of_one_tier() -> None:
    others = [
        TIER,
        replace(TIER, tier_id="pro2"),
        replace(TIER, revision=2),
        replace(TIER, version=2),
        replace(TIER, revision=2, version=2),
        replace(TIER, revision=11, version=1),
        replace(TIER, revision=1, version=11),
    ]
    etags = {one.etag(ORG) for one in others} | {TIER.etag(uuid4())}
    assert len(etags) == len(others) + 1


def test_an_etag_fits_one_state_of_one_subscription() -> None:
    others = [
        RUNNING,
        RUNNING._replace(subscription_id="s2"),
        RUNNING._replace(tier_id="basic"),
        RUNNING._replace(revision=2),
        RUNNING._replace(version=2),
    ]
    assert len({one.etag(ORG) for one in others}) == len(others)
    awaiting = RUNNING._replace(awaited=uuid4(), awaited_at=NOW)
    assert awaiting.etag(ORG) == RUNNING.etag(ORG)


def test_a_price_counts_as_a_change() -> None:
    later = NOW + timedelta(days=1)
    assert TIER.changed_at == NOW
    assert replace(TIER, version=2, priced_at=later).changed_at == later
    assert replace(TIER, version=2, updated_at=later).changed_at == later


def test_a_tier_is_made_as_it_is_wanted() -> None:
    wanted = WantedTier("pro", PROFILE, 1000, "EUR", 2, "")
    assert wanted.made(NOW) == TIER


def test_differences_name_what_was_and_what_is() -> None:
    after = PROFILE._replace(floor_minor=5, value_metrics=())
    assert differences(PROFILE, PROFILE) == {}
    assert differences(PROFILE, after) == {
        "floor_minor": [None, 5],
        "value_metrics": [
            [{"name": "users", "low_minor": 1, "high_minor": 2, "usual_units": 3.0}],
            [],
        ],
    }


@pytest.mark.parametrize(
    ("before", "ended_at", "answer"),
    [
        (None, None, "refused"),
        (None, NOW, "recorded"),
        (RUNNING, None, "stays"),
        (RUNNING, NOW, "leaves"),
        (RUNNING._replace(tier_id="basic"), None, "refused"),
        (RUNNING._replace(ended_at=NOW), None, "refused"),
        (RUNNING._replace(ended_at=NOW), NOW, "recorded"),
    ],
)
def test_nobody_new_comes_to_a_retired_tier(
    before: Subscription | None, ended_at: datetime | None, answer: str
) -> None:
    term = Term("pro", NOW, ended_at)
    check_open(TIER, before, term)
    retired = replace(TIER, profile=PROFILE._replace(retired=True))
    if answer != "refused":
        check_open(retired, before, term)
        return
    with pytest.raises(TierRetired):
        check_open(retired, before, term)
