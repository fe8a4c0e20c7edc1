"""The life of an insight, step by step."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.insight.detection.rules.vocabulary import (
    ORGANISATION,
    Finding,
    InsightType,
    Severity,
    Subject,
    SubjectKind,
    Window,
)
from services.insight.insights.errors import AsOfOutOfRange, InsightClosed, InsightStale
from services.insight.insights.rules import life
from services.insight.insights.rules.life import Decision, Insight, Sighting, State

ORG = UUID("0a000000-0000-4000-8000-00000000000a")
START = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CLOSING = (State.RESOLVED, State.DISMISSED)


def finding(severity: Severity = Severity.HIGH, subject: Subject = ORGANISATION) -> Finding:
    return Finding(
        insight_type=InsightType.CHURN_RISK,
        subject=subject,
        weight=0.9,
        confidence=1.0,
        severity=severity,
        window=Window(START - 14 * DAY, START),
        action="urgent_outreach",
        message="Get in touch.",
        parameters={"percent_drop": 80},
        rule="4 < 0.3 x 20",
        test="count",
        measurements=(),
        would_change="2 events more this week",
    )


def at(day: float) -> Sighting:
    return Sighting(ORG, START + day * DAY, 0)


def opened(severity: Severity = Severity.HIGH) -> Insight:
    return life.see(None, finding(severity), at(0))


def closed(state: State = State.RESOLVED, severity: Severity = Severity.HIGH) -> Insight:
    known = opened(severity)
    decision = Decision(known.insight_id or uuid4(), known.etag, "done")
    return life.decide(known, state, decision, "olga", START + DAY)


def test_a_finding_opens_one_that_is_refreshed_while_it_holds() -> None:
    first = opened()
    again = life.see(first, replace(finding(), rule="3 < 0.3 x 20"), at(1))
    assert (first.state, first.reopened, first.cleared_at) == (State.OPEN, 0, None)
    assert again.insight_id == first.insight_id
    assert again.finding.rule == "3 < 0.3 x 20"
    assert (again.first_seen_at, again.last_seen_at) == (START, START + DAY)
    assert life.changed(None, first)
    assert not life.changed(first, again)
    assert first.etag == again.etag


def test_the_id_is_that_of_organisation_type_subject_and_feature() -> None:
    subjects = [
        ORGANISATION,
        Subject(SubjectKind.USER, "mia"),
        Subject(SubjectKind.CLIENT, "mia"),
        Subject(SubjectKind.USER, "mia", "editor"),
    ]
    ids = {
        life.insight_id(org, insight_type, subject)
        for org in (ORG, uuid4())
        for insight_type in InsightType
        for subject in subjects
    }
    assert len(ids) == 2 * 7 * 4


def test_one_that_holds_no_more_says_since_when_and_stays_open() -> None:
    first = opened()
    cleared = life.miss(first, START + DAY)
    assert (cleared.state, cleared.cleared_at) == (State.OPEN, START + DAY)
    assert not life.changed(first, cleared)
    assert life.miss(cleared, START + 2 * DAY) == cleared
    back = life.see(cleared, finding(), at(3))
    assert (back.state, back.cleared_at, back.reopened) == (State.OPEN, None, 0)


@pytest.mark.parametrize("state", [State.OPEN, State.ACKNOWLEDGED])
def test_after_fourteen_days_unseen_it_expires_and_not_before(state: State) -> None:
    first = replace(opened(), state=state)
    almost = life.miss(first, START + 14 * DAY - timedelta(microseconds=1))
    assert almost.state is state
    gone = life.miss(almost, START + 14 * DAY)
    assert (gone.state, gone.state_changed_by) == (State.EXPIRED, "")
    assert gone.state_changed_at == START + 14 * DAY
    assert life.changed(almost, gone)
    assert gone.etag != almost.etag
    back = life.see(gone, finding(), at(15))
    assert (back.state, back.reopened) == (State.OPEN, 1)


def test_one_that_no_run_looked_at_for_long_and_that_holds_does_not_expire() -> None:
    assert life.see(opened(), finding(), at(100)).state is State.OPEN


def test_acknowledged_it_stays_so_while_it_holds_and_when_it_gets_worse() -> None:
    taken = closed(State.ACKNOWLEDGED, Severity.MEDIUM)
    assert taken.closed_severity is None
    worse = life.see(taken, finding(Severity.CRITICAL), at(2))
    assert worse.state is State.ACKNOWLEDGED
    assert (worse.note, worse.state_changed_by) == ("done", "olga")
    assert life.changed(taken, worse)


@pytest.mark.parametrize("state", CLOSING)
def test_closed_it_stays_so_while_it_holds_as_bad_as_then(state: State) -> None:
    known = closed(state)
    for severity in (Severity.HIGH, Severity.MEDIUM, Severity.HIGH):
        seen = life.see(known, finding(severity), at(2))
        assert seen.state is state
        assert not life.changed(known, seen)
        known = seen


@pytest.mark.parametrize("state", CLOSING)
def test_closed_it_is_reopened_by_a_worse_severity(state: State) -> None:
    back = life.see(closed(state), finding(Severity.CRITICAL), at(2))
    assert (back.state, back.reopened, back.note, back.state_changed_by) == (State.OPEN, 1, "", "")
    assert back.state_changed_at == START + 2 * DAY


@pytest.mark.parametrize("state", CLOSING)
def test_closed_it_is_reopened_by_a_relapse(state: State) -> None:
    known = closed(state)
    missed = life.miss(known, START + 2 * DAY)
    assert (missed.state, missed.cleared_at) == (state, START + 2 * DAY)
    assert life.miss(missed, START + 60 * DAY).state is state
    back = life.see(missed, finding(Severity.LOW), at(3))
    assert (back.state, back.cleared_at, back.reopened) == (State.OPEN, None, 1)
    assert back.first_seen_at == START


@pytest.mark.parametrize("state", [*CLOSING, State.EXPIRED])
def test_a_decision_on_a_closed_one_is_refused_and_says_what_to_do(state: State) -> None:
    known = replace(closed(), state=state)
    with pytest.raises(InsightClosed, match=rf"{state.name.lower()}.*comes back"):
        life.decide(known, State.ACKNOWLEDGED, Decision(uuid4(), "", ""), "olga", START)


def test_a_decision_on_one_that_changed_since_is_refused() -> None:
    known = opened()
    worse = life.see(known, finding(Severity.CRITICAL), at(1))
    with pytest.raises(InsightStale):
        life.decide(worse, State.RESOLVED, Decision(uuid4(), known.etag, ""), "olga", START)
    assert opened().etag != replace(opened(), org_id=uuid4()).etag


@pytest.mark.parametrize(
    ("as_of", "refused"),
    [
        (START + timedelta(seconds=60), False),
        (START + timedelta(seconds=60, microseconds=1), True),
        (datetime(2000, 1, 1, tzinfo=UTC), False),
        (datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC), True),
    ],
)
def test_times_that_can_be_looked_at(as_of: datetime, *, refused: bool) -> None:
    if not refused:
        life.check_as_of(as_of, START)
        return
    with pytest.raises(AsOfOutOfRange) as raised:
        life.check_as_of(as_of, START)
    assert [one.field for one in raised.value.violations] == ["as_of"]


STEPS = st.lists(
    st.one_of(
        st.sampled_from([None, *Severity]),  # missed, or seen with that severity
        st.sampled_from([State.ACKNOWLEDGED, *CLOSING]),
    ),
    max_size=30,
)


@given(STEPS, st.lists(st.integers(0, 20), min_size=30, max_size=30))
def test_laws_of_every_life(steps: list[Severity | State | None], days: list[int]) -> None:
    known, now = opened(), START
    for step, pause in zip(steps, days, strict=False):
        now += pause * DAY
        if isinstance(step, State):
            if known.stands:
                known = life.decide(known, step, Decision(uuid4(), "", ""), "olga", now)
            continue
        before = known
        sighting = Sighting(ORG, now, 0)
        known = life.miss(known, now) if step is None else life.see(known, finding(step), sighting)
        assert known.insight_id == before.insight_id
        assert (known.cleared_at is None) == (step is not None)
        assert known.last_seen_at == (now if step is not None else before.last_seen_at)
        # A run opens and expires; what people decided it undoes by reopening alone.
        if known.state is not before.state:
            assert known.state in {State.OPEN, State.EXPIRED}
            assert known.reopened == before.reopened + (known.state is State.OPEN)
            assert life.changed(before, known)
        if known.state is State.EXPIRED and before.stands:
            assert now - known.last_seen_at >= 14 * DAY


@pytest.mark.parametrize(
    ("insight_type", "subject", "follows"),
    [
        (InsightType.STUCK_USER, ORGANISATION, False),
        (InsightType.STUCK_USER, Subject(SubjectKind.ORGANISATION, "", "editor"), False),
        (InsightType.FEATURE_ADOPTION, Subject(SubjectKind.ORGANISATION, "", "editor"), True),
        (InsightType.STUCK_USER, Subject(SubjectKind.USER, "mia"), False),
        (InsightType.STUCK_USER, Subject(SubjectKind.USER, "mia", "editor"), True),
        (InsightType.CHURN_RISK, Subject(SubjectKind.CLIENT, "phone-7"), True),
    ],
)
def test_what_is_counted_by_roll_ups_that_follow(
    insight_type: InsightType, subject: Subject, *, follows: bool
) -> None:
    assert life.follows(insight_type, subject) is follows
