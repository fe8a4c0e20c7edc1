"""When the risks of a client change by time alone, case by case; test_laws.py has the law."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.journey.journeys.rules.risks import next_change
from services.journey.journeys.rules.settings import JourneySettings
from services.journey.journeys.rules.standing import Standing
from services.journey.journeys.rules.vocabulary import DAY, Norms, Risk, Signals, Stage
from tests.journeys import DEFAULTS, NOW, client, event, troubled

IN_PROJECT = Stage.ACTIVE_PROJECT


def only(risk: Risk) -> JourneySettings:
    rules = {one: replace(rule, enabled=one == risk) for one, rule in DEFAULTS.risks.items()}
    return replace(DEFAULTS, risks=rules)


def days(standing: Standing, settings: JourneySettings) -> float | None:
    """How many from now."""
    turn = next_change(standing, settings, NOW)
    return None if turn is None else (turn - NOW) / DAY


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        pytest.param(client(created_days_ago=0), 14, id="a new client without events"),
        pytest.param(client(event(1), created_days_ago=3), 11, id="a new client with an event"),
        pytest.param(
            client(event(1), event(1), event(1), created_days_ago=3), 29, id="a busy new client"
        ),
        pytest.param(client(event(1), event(2), event(3), event(4)), 27, id="the third leaves"),
        pytest.param(client(event(5), event(29), event(50)), 1, id="the evidence shrinks to one"),
        pytest.param(client(event(5), event(30)), 25, id="the evidence shrinks to none"),
        pytest.param(client(event(30)), None, id="nothing is left to leave"),
        pytest.param(client(), None, id="there never was anything"),
    ],
)
def test_of_engagement(standing: Standing, expected: float | None) -> None:
    assert days(standing, only(Risk.LOW_ENGAGEMENT)) == expected


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        pytest.param(client(event(10, stage=IN_PROJECT)), 20, id="the least days"),
        pytest.param(
            client(event(10, stage=IN_PROJECT), event(1, "milestone_reached")),
            20,
            id="a milestone that will be old by then",
        ),
        pytest.param(
            client(event(28, stage=IN_PROJECT), event(1, "milestone_reached")),
            13,
            id="a milestone that will not",
        ),
        pytest.param(client(event(30, stage=IN_PROJECT)), None, id="slow already"),
        pytest.param(client(event(10, stage=Stage.BILLING)), None, id="another stage"),
    ],
)
def test_of_projects(standing: Standing, expected: float | None) -> None:
    assert days(standing, only(Risk.SLOW_PROJECT_PROGRESS)) == expected


def test_of_projects_that_usually_take_longer() -> None:
    """At exactly the usual time it is not slow yet."""
    standing = client(event(10, stage=IN_PROJECT), norms=Norms(45 * 86_400))
    turn = next_change(standing, only(Risk.SLOW_PROJECT_PROGRESS), NOW)
    assert turn == NOW + 35 * DAY + 1


@pytest.mark.parametrize(
    ("ages", "closed", "expected"),
    [
        pytest.param([1, 2, 3], True, 11, id="the oldest of three leaves"),
        pytest.param([1, 2, 3, 4], True, 10, id="of four, and the evidence shrinks"),
        pytest.param([1, 2], True, None, id="too few, and time adds none"),
        pytest.param([1, 2, 3], False, None, id="open ones stay"),
        pytest.param([1, 2, 3, 14], True, 11, id="one that has left already"),
    ],
)
def test_of_tickets(ages: list[float], *, closed: bool, expected: float | None) -> None:
    opened = [event(ago, "support_ticket_opened", ticket_id=str(ago)) for ago in ages]
    ended = [event(0, "support_ticket_closed", ticket_id=str(ago)) for ago in ages if closed]
    assert days(client(*opened, *ended), only(Risk.HIGH_SUPPORT_TICKETS)) == expected


@pytest.mark.parametrize(
    "risk", [Risk.LATE_INVOICES, Risk.NEGATIVE_SENTIMENT, Risk.LOW_FEATURE_USAGE]
)
def test_the_others_change_by_events_and_signals_alone(risk: Risk) -> None:
    assert days(troubled(Risk), only(risk)) is None
    assert days(client(signals=Signals(3, 12.5, NOW)), only(risk)) is None


def test_of_several_it_is_the_first() -> None:
    standing = client(event(1), event(2), event(3), event(10, stage=IN_PROJECT))
    assert days(standing, DEFAULTS) == 20
    assert days(standing, only(Risk.LOW_ENGAGEMENT)) == 27
    assert days(replace(standing, pending_at=NOW + DAY), DEFAULTS) == 1
    assert days(replace(standing, pending_at=NOW), DEFAULTS) == 20
