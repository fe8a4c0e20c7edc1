"""Settings as they are kept: nothing is lost, and older rows know what is newer by its default."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.journey.catalogue.rules.editions import Change, Edition, apply, differences
from services.journey.catalogue.rules.stored import from_json, to_json
from services.journey.catalogue.wire import from_settings, to_settings
from services.journey.journeys.rules.settings import (
    ACTIONS,
    LEVELS,
    RISKS,
    STAGES,
    Cap,
    JourneySettings,
    Learning,
    QuietHours,
)
from services.journey.journeys.rules.vocabulary import Action, Channel, Risk, RiskLevel, Stage
from tests.journeys import catalogues

ORG = UUID(int=7)
MINUTES = st.integers(0, 1439)


@st.composite
def whole(draw: st.DrawFn) -> JourneySettings:
    """Settings of which all may differ from the defaults."""
    channels = st.none() | st.sampled_from(Channel)
    caps = st.builds(Cap, channels, st.integers(1, 50), st.integers(1, 365))
    return replace(
        draw(catalogues()),
        version=draw(st.integers(1, 9)),
        caps=tuple(draw(st.lists(caps, max_size=4, unique_by=lambda cap: (cap.channel, cap.days)))),
        quiet_hours=draw(st.builds(QuietHours, MINUTES, MINUTES)),
        cooldown_days=draw(st.integers(0, 365)),
        learning=draw(st.builds(Learning, st.booleans(), st.integers(1, 1000))),
    )


@given(whole())
def test_what_is_kept_is_read_again(settings: JourneySettings) -> None:
    kept = orjson.loads(orjson.dumps(to_json(settings)))
    assert from_json(kept, settings.version) == settings


@given(whole())
def test_what_is_shown_and_sent_back_is_the_same(settings: JourneySettings) -> None:
    edition = Edition(settings, "olga", datetime(2026, 1, 1, tzinfo=UTC))
    sent = from_settings(to_settings(edition, ORG))
    assert sent.etag == edition.etag(ORG)
    emptied = replace(sent, caps=sent.caps or ())
    assert apply(JourneySettings(version=settings.version - 1), emptied) == settings


def test_a_row_that_is_older_than_everything_is_the_defaults() -> None:
    assert from_json({}, 3) == JourneySettings(version=3)


@pytest.mark.parametrize(
    "path", ["thresholds.tickets_min", "risks.late_invoices.points", "learning.enabled", "actions"]
)
def test_what_is_newer_than_a_row_has_its_default(path: str) -> None:
    """The rest of the row counts."""
    changed = replace(JourneySettings(version=1), cooldown_days=3)
    kept = orjson.loads(orjson.dumps(to_json(changed)))
    *way, last = path.split(".")
    inner: dict[str, Any] = kept
    for step in way:
        inner = inner[step]
    del inner[last]
    assert from_json(kept, 1) == changed


def test_every_word_has_its_rule() -> None:
    """So every action that a stage or a risk may name exists."""
    assert list(STAGES) == list(Stage)
    assert set(RISKS) == set(Risk)
    assert list(ACTIONS) == list(Action)
    assert list(LEVELS) == list(RiskLevel)


def test_every_setting_can_be_changed() -> None:
    """A new one that no change reaches would be shown and stay as it is for ever."""
    numbers = {"cooldown_days", "expiry_minutes", "signals_fresh_hours"}
    reached = {one.name for one in fields(Change)} | numbers
    assert {one.name for one in fields(JourneySettings)} <= reached


@given(whole())
def test_the_audit_knows_every_difference(settings: JourneySettings) -> None:
    before, after = Edition(), Edition(settings)
    told = differences(before, after)
    assert differences(after, after) == {}
    assert {path: [now, then] for path, (then, now) in told.items()} == differences(after, before)
    assert ("cooldown_days" in told) is (settings.cooldown_days != 14)
    weight = settings.stages[Stage.BILLING].weight
    assert told.get("stages.billing.weight") == (None if weight == 25 else [25, weight])
