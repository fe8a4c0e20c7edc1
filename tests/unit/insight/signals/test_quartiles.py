"""What is remembered of a fleet's quartile, and for how long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from services.insight.signals.rules import Quartiles, quartile_key

ORG = uuid4()
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = quartile_key(ORG, NOON)


def test_it_is_asked_for_once_a_minute_by_one() -> None:
    quartiles = Quartiles()
    assert quartiles.due(KEY, 0)
    quartiles.put(KEY, 7.5, 0)
    assert not quartiles.due(KEY, 59.9)
    assert quartiles.get(KEY) == 7.5
    assert quartiles.due(KEY, 60)
    assert not quartiles.due(KEY, 60.1)  # somebody asks already
    assert quartiles.due(KEY, 65.1)  # who has not come back
    quartiles.put(KEY, None, 66)
    assert not quartiles.due(KEY, 125)
    assert quartiles.get(KEY) is None


def test_organisations_and_days_have_their_own() -> None:
    quartiles = Quartiles()
    quartiles.put(KEY, 7.5, 0)
    assert not quartiles.due(quartile_key(ORG, NOON + timedelta(minutes=14)), 1)
    assert quartiles.due(quartile_key(ORG, NOON + timedelta(minutes=15)), 1)
    assert quartiles.due(quartile_key(ORG, NOON - timedelta(seconds=1)), 1)
    assert quartiles.due(quartile_key(uuid4(), NOON), 1)


def test_it_forgets_the_oldest_beyond_its_size() -> None:
    quartiles = Quartiles()
    for number in range(10_001):
        quartiles.put((ORG, number), 1, 0)
    assert quartiles.due((ORG, 0), 1)
    assert not quartiles.due((ORG, 1), 1)
    assert not quartiles.due((ORG, 10_000), 1)
