"""What holds of an answer whatever happened, whatever the settings say and whatever was learnt."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.journey.actions.rules.advice import (
    Advice,
    Case,
    advice,
    alike,
    drawn,
    outlook,
    permitted,
)
from services.journey.actions.rules.decision import Arm, Recommended
from services.journey.actions.rules.known import Known
from services.journey.actions.rules.memory import Memory
from services.journey.journeys.rules.calls import called_for
from services.journey.journeys.rules.score import score
from services.journey.journeys.rules.settings import Cap, JourneySettings, QuietHours
from services.journey.journeys.rules.standing import Contact, Standing
from services.journey.journeys.rules.vocabulary import (
    DAY,
    SECOND,
    Action,
    Channel,
    Outcome,
    Risk,
    Stage,
)
from services.journey.learning.rules.policy import Counts, Policy, held_out
from tests.journeys import NOW, catalogues, standings, troubled

ORG = UUID(int=7)
LEARNT = Policy(3, 500.0, {None: {action: Counts(9.0 * action, 30.0) for action in Action}})


def client(*, apart: bool) -> str:
    """One of whom it is certain whether it is held out."""
    names = (f"client-{number}" for number in count())
    return next(one for one in names if held_out(ORG, one, 5) is apart)


def known(standing: Standing, *contacts: Contact, **fields: object) -> Known:
    found = Known(
        standing,
        contacts,
        time_zone="Europe/Berlin",
        do_not_contact=False,
        segment="smb",
        organisations_zone="UTC",
        settings_version=0,
        policy_version=0,
    )
    return found._replace(**fields)  # type: ignore[arg-type]


def case(standing: Standing, *contacts: Contact, apart: bool = False, **fields: object) -> Case:
    name = client(apart=apart)
    found = Case(ORG, name, known(standing, *contacts), JourneySettings(), Policy(), NOW)
    return replace(found, **fields)  # type: ignore[arg-type]


def answer(asked: Case, most: int = 25) -> Advice:
    found, draw = permitted(asked), drawn(asked)
    return advice(asked, found, draw, outlook(asked, found, draw), most)


def actions(found: Advice) -> list[Action]:
    return [one.ranked.called.action for one in found.recommended]


CONTACTS = st.lists(
    st.builds(
        Contact,
        st.sampled_from(Action),
        st.sampled_from(Outcome),
        st.integers(0, 60 * 24).map(lambda hours: NOW - hours * 3600 * SECOND),
    ),
    max_size=6,
).map(lambda found: tuple(sorted(found, key=lambda one: -one.at)))
QUIET = st.builds(QuietHours, st.integers(0, 1439), st.integers(0, 1439))
CAPS = st.lists(
    st.builds(
        Cap,
        st.none() | st.sampled_from(Channel),
        st.integers(1, 3),
        st.integers(1, 30),
    ),
    max_size=2,
).map(tuple)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Anybody, asked about now, under any settings."""
    settings = replace(draw(catalogues()), caps=draw(CAPS), quiet_hours=draw(QUIET))
    name = client(apart=draw(st.booleans()))
    standing = draw(standings())
    if standing.signals is not None:
        measured_at = NOW - draw(st.integers(0, 30)) * 3600 * SECOND
        standing = replace(standing, signals=replace(standing.signals, measured_at=measured_at))
    reached = known(standing, *draw(CONTACTS), do_not_contact=draw(st.booleans()))
    return Case(ORG, name, reached, settings, draw(st.sampled_from([Policy(), LEARNT])), NOW)


@given(cases())
def test_what_is_called_for_is_recommended_or_withheld_and_never_both(asked: Case) -> None:
    found = answer(asked)
    called = called_for(score(asked.known.standing, asked.settings, NOW), asked.settings)
    told = [*actions(found), *(one.action for one in found.withheld)]
    assert sorted(told) == sorted(one.action for one in called)
    tiers = [one.ranked.called.tier for one in found.recommended]
    assert tiers == sorted(tiers)


@given(cases(), st.floats(0, 1, exclude_max=True))
def test_an_answer_stays_the_same_until_it_expires(asked: Case, share: float) -> None:
    first = answer(asked)
    assert first.as_of < first.expires_at <= NOW + asked.settings.expiry_minutes * 60 * SECOND
    for now in (NOW + int(share * (first.expires_at - NOW)), first.expires_at - 1):
        later = answer(replace(asked, now=now))
        assert actions(later) == actions(first)
        assert later.withheld == first.withheld
        assert later.score == first.score
        assert [one.evidence for one in later.recommended] == [
            one.evidence for one in first.recommended
        ]
        assert (later.signals and later.signals.stale) == (first.signals and first.signals.stale)


@given(cases(), st.integers(1, 25))
def test_the_token_says_what_the_answer_does(asked: Case, most: int) -> None:
    found = answer(asked, most)
    assert len(found.recommended) <= most
    if not found.recommended:
        assert found.decision is None
        return
    decision = found.decision
    assert decision is not None
    assert decision.recommended == [
        Recommended(one.ranked.called.action, one.ranked.propensity) for one in found.recommended
    ]
    assert (decision.made_at, decision.expires_at) == (found.as_of, found.expires_at)
    assert (decision.client_id, decision.segment) == (asked.client_id, "smb")
    assert answer(replace(asked, past=True), most).decision is None


WORRIED = troubled({Risk.LATE_INVOICES, Risk.LOW_ENGAGEMENT}, Stage.ONBOARDING)


@pytest.mark.parametrize(
    ("policy", "apart", "arm"),
    [
        (Policy(), False, Arm.RULES),
        (Policy(), True, Arm.RULES),
        (LEARNT, False, Arm.LEARNT),
        (LEARNT, True, Arm.HELD_OUT),
    ],
)
def test_who_decides_about_the_order(policy: Policy, apart: bool, arm: Arm) -> None:  # noqa: FBT001
    asked = case(WORRIED, apart=apart, policy=policy)
    found = answer(asked)
    assert found.decision is not None
    assert (found.decision.arm, found.held_out) == (arm, apart)
    assert found.policy_version == (3 if arm is Arm.LEARNT else 0)
    assert found.decision.rules_action is Action.SCHEDULE_MEETING
    propensities = [one.ranked.propensity for one in found.recommended]
    assert sum(propensities) == pytest.approx(1)
    if arm is Arm.LEARNT:
        assert found.decision.seed > 0
        assert min(propensities) > 0
        assert found.expires_at <= (NOW // DAY + 1) * DAY
    else:
        assert propensities == [1, 0, 0]
        assert actions(found)[0] is Action.SCHEDULE_MEETING


def test_what_is_expected_is_shared_by_those_for_whom_it_is_the_same() -> None:
    def key(asked: Case) -> object:
        return alike(asked, permitted(asked), drawn(asked))

    asked = case(WORRIED, policy=LEARNT)
    assert key(replace(asked, client_id="client-4711", now=NOW + 1)) == key(asked)
    others = (
        replace(asked, org_id=UUID(int=8)),
        replace(asked, policy=replace(LEARNT, version=4)),
        replace(asked, settings=replace(asked.settings, version=1)),
        replace(asked, known=asked.known._replace(segment="")),
        replace(asked, client_id=client(apart=True)),
        replace(asked, known=known(troubled({Risk.LATE_INVOICES}, Stage.ONBOARDING))),
    )
    assert len({key(asked), *map(key, others)}) == len(others) + 1


def test_a_zone_that_this_machine_does_not_know_is_utc() -> None:
    quiet = replace(JourneySettings(), quiet_hours=QuietHours(0, 1))
    for name in ("Nowhere/Land", "../etc/passwd", ""):
        lost = known(WORRIED, time_zone=name, organisations_zone=name)
        assert str(lost.zone(quiet)) == "UTC"


def test_what_was_not_used_for_the_longest_time_is_forgotten() -> None:
    memory: Memory[str, int] = Memory(2)
    memory.put("a", 1)
    memory.put("b", 2)
    assert memory.get("a") == 1
    memory.put("c", 3)
    assert [memory.get(one) for one in "abc"] == [1, None, 3]
