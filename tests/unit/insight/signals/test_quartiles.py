"""What is remembered of a fleet's quartile, and for how long."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from services.insight.signals.rules import Quartile, Quartiles, before, quartile_key

ORG = uuid4()
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = quartile_key(ORG, NOON)


def test_it_is_at_most_a_minute_old_and_asked_for_before() -> None:
    quartiles = Quartiles()
    assert quartiles.due(KEY, 0)
    assert quartiles.get(KEY, 0) is None
    quartiles.put(KEY, 7.5, 0)
    assert not quartiles.due(KEY, 49.9)
    assert quartiles.due(KEY, 50)
    assert quartiles.get(KEY, 59.9) == Quartile(7.5, 0)
    assert quartiles.get(KEY, 60) is None
    quartiles.put(KEY, None, 61)
    assert not quartiles.due(KEY, 110)
    assert quartiles.get(KEY, 110) == Quartile(None, 61)


def test_a_quarter_of_an_hour_before() -> None:
    assert before(KEY) == quartile_key(ORG, NOON - timedelta(minutes=15))


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
