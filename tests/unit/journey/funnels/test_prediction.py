"""The prediction: its prior, its laws, and a process whose truth is known."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.journey.funnels.rules.competing_risks import Spell
from services.journey.funnels.rules.defaults import PRIOR_DAYS, PRIOR_MOVES, STRENGTH
from services.journey.funnels.rules.prediction import (
    PastVisit,
    Prediction,
    defaults,
    fitted,
    predict,
)
from services.journey.journeys.rules.visits import usual
from services.journey.journeys.rules.vocabulary import DAY, SECOND, Stage
from tests.judging import LAW

MONTH = 30 * DAY
STAGES = st.sampled_from(list(Stage))
ELAPSED = st.integers(0, 400 * DAY)


@st.composite
def histories(draw: Callable[..., object]) -> tuple[Stage, list[PastVisit]]:
    """Visits to a stage, and the stage."""
    stage = draw(STAGES)
    assert isinstance(stage, Stage)
    after = st.sampled_from([None, *(one for one in Stage if one is not stage)])
    visit = st.builds(PastVisit, st.integers(0, 500 * DAY), after)
    visits = draw(st.lists(visit, max_size=40))
    assert isinstance(visits, list)
    return stage, visits


def to(prediction: Prediction, stage: Stage) -> float:
    return next(one.probability for one in prediction.next_stages if one.stage is stage)


class TestPrior:
    @pytest.mark.parametrize("stage", Stage)
    def test_its_moves_sum_to_one_and_none_is_impossible(self, stage: Stage) -> None:
        moves = PRIOR_MOVES[stage]
        assert sum(moves.values()) == pytest.approx(1)
        assert set(moves) == set(Stage) - {stage}
        assert min(moves.values()) > 0

    @pytest.mark.parametrize("stage", Stage)
    def test_its_likeliest_move_is_a_usual_one(self, stage: Stage) -> None:
        moves = PRIOR_MOVES[stage]
        assert usual(stage, max(moves, key=lambda after: moves[after]))

    @pytest.mark.parametrize("stage", Stage)
    def test_a_new_organisation_gets_it_as_it_is(self, stage: Stage) -> None:
        found = predict(stage, 3 * DAY, [], MONTH)
        assert {one.stage: one.probability for one in found.next_stages} == pytest.approx(
            PRIOR_MOVES[stage]
        )
        assert found.within_horizon == pytest.approx(-math.expm1(-30 / PRIOR_DAYS[stage]))
        assert found.time_to_next is not None
        days = PRIOR_DAYS[stage] * math.log(2)
        assert found.time_to_next.median == pytest.approx(days * DAY / SECOND)
        assert (found.sample_visits, found.history_weight) == (0, 0)
        assert found.insufficient

    def test_intervals_are_those_of_ten_visits(self) -> None:
        """Of the beta distribution with 5.5 and 4.5."""
        one = predict(Stage.LEAD, 0, [], MONTH).next_stages[0]
        assert one.stage is Stage.QUALIFIED_LEAD
        assert [one.probability, one.lower, one.upper] == pytest.approx(
            [0.55, 0.29677, 0.79132], abs=1e-5
        )


class TestHistory:
    def test_a_few_visits_by_hand(self) -> None:
        history = [PastVisit(10 * DAY, Stage.ONBOARDING)] * 10
        found = predict(Stage.LEAD, 20 * DAY, history, MONTH)
        # None lasted longer, so it is as all of them were: Dirichlet and gamma.
        assert to(found, Stage.ONBOARDING) == pytest.approx((10 * 0.10 + 10) / 20)
        rate = 20 / (10 * 21 + 10 * 10)
        assert found.within_horizon == pytest.approx(-math.expm1(-30 * rate))
        assert (found.sample_visits, found.history_weight) == (10, 0)
        # All lasted longer: half of the answer is theirs, and the rate is fitted to all of it.
        found = predict(Stage.LEAD, 5 * DAY, history, 4 * DAY)
        assert to(found, Stage.ONBOARDING) == pytest.approx(0.5 * 0.10 + 0.5)
        rate = 20 / (10 * 21 + 10 * 5 + 10 * 5)
        assert found.within_horizon == pytest.approx(-math.expm1(-4 * rate) / 2)
        assert found.history_weight == 0.5
        assert not found.insufficient
        assert found.time_to_next is not None
        assert found.time_to_next.median == 5 * DAY / SECOND

    def test_a_visit_that_ended_at_the_very_age_has_not_lasted_longer(self) -> None:
        history = [PastVisit(10 * DAY, Stage.ONBOARDING)] * 10
        assert predict(Stage.LEAD, 10 * DAY, history, MONTH).history_weight == 0
        assert predict(Stage.LEAD, 10 * DAY - 1, history, MONTH).history_weight == 0.5

    def test_visits_that_still_run_say_how_long_it_takes_but_not_where(self) -> None:
        before = predict(Stage.LEAD, 0, [], MONTH)
        after = predict(Stage.LEAD, 0, [PastVisit(200 * DAY, None)] * 30, MONTH)
        assert after.within_horizon < before.within_horizon / 2
        assert [one.probability for one in after.next_stages] == pytest.approx(
            [one.probability for one in before.next_stages]
        )
        assert after.history_weight == 0

    def test_visits_that_ended_sooner_than_the_clients_do_not_hurry_it(self) -> None:
        sooner = [PastVisit(DAY, Stage.RETENTION)] * 500
        later = [PastVisit(100 * DAY, Stage.CHURN_RISK)] * 500
        found = predict(Stage.BILLING, 30 * DAY, [*sooner, *later], MONTH)
        assert to(found, Stage.CHURN_RISK) > 0.97
        assert found.within_horizon < 0.05
        assert found.time_to_next is not None
        assert found.time_to_next.median == 70 * DAY / SECOND

    def test_more_history_weighs_more(self) -> None:
        weights = [
            predict(Stage.LEAD, DAY, [PastVisit(9 * DAY, Stage.ONBOARDING)] * number, MONTH)
            for number in (0, 1, 10, 100, 10_000)
        ]
        found = [one.history_weight for one in weights]
        assert found == pytest.approx([0, 1 / 11, 0.5, 100 / 110, 10_000 / 10_010])
        assert [to(one, Stage.ONBOARDING) for one in weights] == sorted(
            to(one, Stage.ONBOARDING) for one in weights
        )

    def test_what_takes_more_than_ten_years_has_no_time(self) -> None:
        for_ever = [PastVisit(8000 * DAY, None)] * 100
        assert predict(Stage.RETENTION, 0, for_ever, MONTH).time_to_next is None

    def test_visits_of_no_length_count(self) -> None:
        base = fitted(defaults(Stage.LEAD), [Spell(0, Stage.BILLING)] * 10)
        assert base.rate == pytest.approx(2 / (21 * DAY / SECOND))
        assert base.split[Stage.BILLING] == pytest.approx(0.51)


@LAW
@given(histories(), ELAPSED, st.integers(1, 365), st.integers(1, 365))
def test_a_prediction_is_one(
    known: tuple[Stage, list[PastVisit]], elapsed: int, one: int, other: int
) -> None:
    near, far = (predict(*_case(known, elapsed), days * DAY) for days in sorted((one, other)))
    assert sum(next_.probability for next_ in far.next_stages) == pytest.approx(1, abs=1e-12)
    assert {next_.stage for next_ in far.next_stages} == set(Stage) - {known[0]}
    shares = [next_.probability for next_ in far.next_stages]
    assert shares == sorted(shares, reverse=True)
    for next_ in far.next_stages:
        assert 0 <= next_.lower <= next_.probability <= next_.upper <= 1
        assert 0 <= next_.within_horizon <= next_.probability
    assert 0 <= near.within_horizon <= far.within_horizon + 1e-12 <= 1 + 1e-9
    sooner = {next_.stage: next_.within_horizon for next_ in near.next_stages}
    assert all(sooner[it.stage] <= it.within_horizon + 1e-12 for it in far.next_stages)
    assert 0 <= far.history_weight < 1
    if (time := far.time_to_next) is not None:
        assert 0 <= time.lower <= time.median <= (time.upper or math.inf)


@LAW
@given(histories(), ELAPSED, st.integers(1, 30))
def test_more_of_the_same_history_weighs_no_less(
    known: tuple[Stage, list[PastVisit]], elapsed: int, times: int
) -> None:
    stage, history = known
    once = predict(stage, elapsed, history, MONTH)
    assert predict(stage, elapsed, history * times, MONTH).history_weight >= once.history_weight


class TestKnownProcess:
    """Six of ten go on to billing, after the sum of two exponential times of 10 days each; the
    others to churn_risk, after one of 40 days. The truth is known in closed form."""

    ELAPSED, HORIZON, VISITS = 15, 20, 20_000

    def late(self, days: float) -> tuple[float, float]:
        """The probability of going to each, and later than that."""
        return 0.6 * math.exp(-days / 10) * (1 + days / 10), 0.4 * math.exp(-days / 40)

    def visit(self, chance: random.Random, longest_watch: float = 120) -> PastVisit:
        on = chance.random() < 0.6
        days = chance.gammavariate(2, 10) if on else chance.expovariate(1 / 40)
        watched = chance.uniform(0, longest_watch)
        after = Stage.BILLING if on else Stage.CHURN_RISK
        return PastVisit(int(min(days, watched) * DAY), after if days <= watched else None)

    def test_is_recovered(self) -> None:
        chance = random.Random(20_261_121)
        history = [self.visit(chance) for _ in range(self.VISITS)]
        found = predict(Stage.ACTIVE_PROJECT, self.ELAPSED * DAY, history, self.HORIZON * DAY)
        on, lost = self.late(self.ELAPSED)
        on_later, lost_later = self.late(self.ELAPSED + self.HORIZON)
        moves = found.history_weight * STRENGTH / (1 - found.history_weight)
        # Four standard errors of that many moves, and what nobody saw: beyond the longest watch.
        unseen = sum(self.late(120)) / (on + lost)
        error = 4 * math.sqrt(0.25 / moves) + unseen
        assert error < 0.07
        assert to(found, Stage.BILLING) == pytest.approx(on / (on + lost), abs=error)
        assert to(found, Stage.CHURN_RISK) == pytest.approx(lost / (on + lost), abs=error)
        moved = 1 - (on_later + lost_later) / (on + lost)
        assert found.within_horizon == pytest.approx(moved, abs=error)
        soon = {one.stage: one.within_horizon for one in found.next_stages}
        assert soon[Stage.BILLING] == pytest.approx((on - on_later) / (on + lost), abs=error)
        assert found.time_to_next is not None
        median = found.time_to_next.median * SECOND / DAY
        still = sum(self.late(self.ELAPSED + median)) / (on + lost)
        assert still == pytest.approx(0.5, abs=error)

    def test_intervals_hold_the_truth_as_often_as_they_say(self) -> None:
        chance = random.Random(4)
        on, lost = self.late(self.ELAPSED)
        held = 0
        for _ in range(200):
            history = [self.visit(chance, longest_watch=500) for _ in range(300)]
            found = predict(Stage.ACTIVE_PROJECT, self.ELAPSED * DAY, history, MONTH)
            one = next(it for it in found.next_stages if it.stage is Stage.CHURN_RISK)
            held += one.lower <= lost / (on + lost) <= one.upper
        assert 0.84 <= held / 200 <= 0.96


def _case(known: tuple[Stage, list[PastVisit]], elapsed: int) -> tuple[Stage, int, list[PastVisit]]:
    stage, history = known
    return stage, elapsed, history
