"""Versions of the guard-rails: what is absent stays, what contradicts is refused by its field."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest

from services.pricing.guard_rails.errors import SetByTheServer, SettingsContradict, SettingsStale
from services.pricing.guard_rails.rules.editions import Change, Edition, change, differences
from services.pricing.guard_rails.rules.settings import PricingSettings, from_json, to_json
from shared.errors import InvalidField

ORG = UUID(int=1)
NOW = datetime(2026, 11, 21, tzinfo=UTC)
KNOWN = Edition(PricingSettings(version=3, max_step_percent=10.0, max_year_percent=20.0), "o", NOW)


def test_what_is_absent_stays() -> None:
    made = change(KNOWN, Change({"min_confidence": 0.9}, KNOWN.etag(ORG)), ORG, "olga", NOW)
    assert made.settings == PricingSettings(4, 10.0, 20.0, min_confidence=0.9)
    assert differences(KNOWN, made) == {"min_confidence": [0.8, 0.9]}


def test_an_etag_is_needed_and_must_be_the_current_one() -> None:
    with pytest.raises(InvalidField) as refused:
        change(KNOWN, Change({"min_confidence": 0.9}), ORG, "olga", NOW)
    assert refused.value.violations[0].field == "settings.etag"
    with pytest.raises(SettingsStale):
        change(KNOWN, Change({}, Edition().etag(ORG)), ORG, "olga", NOW)
    with pytest.raises(SettingsStale):
        change(KNOWN, Change({}, KNOWN.etag(UUID(int=2))), ORG, "olga", NOW)


def test_what_the_server_sets_may_come_back_as_it_was_read_only() -> None:
    etag = KNOWN.etag(ORG)
    change(KNOWN, Change({}, etag, version=3, changed_by="o", changed_at=NOW), ORG, "olga", NOW)
    with pytest.raises(SetByTheServer) as refused:
        change(KNOWN, Change({}, etag, version=9, changed_by="x"), ORG, "olga", NOW)
    named = [one.field for one in refused.value.violations]
    assert named == ["settings.version", "settings.changed_by"]


@pytest.mark.parametrize(
    ("sent", "named"),
    [
        ({"max_step_percent": 30.0}, "settings.max_step_percent"),
        ({"max_year_percent": 5.0}, "settings.max_year_percent"),
        ({"max_step_percent": 50.0, "max_year_percent": 40.0}, "settings.max_step_percent"),
    ],
)
def test_a_step_beyond_a_year_is_refused_by_the_field_that_was_sent(
    sent: dict[str, float], named: str
) -> None:
    with pytest.raises(SettingsContradict) as refused:
        change(KNOWN, Change(sent, KNOWN.etag(ORG)), ORG, "olga", NOW)
    assert [one.field for one in refused.value.violations] == [named]


def test_what_is_kept_comes_back() -> None:
    known = PricingSettings(7, 1.5, 2.5, 3.5, 4.5, 0.75, 100, "JPY")
    assert from_json(to_json(known), 7) == known
    assert from_json({}, 7) == PricingSettings(7)
