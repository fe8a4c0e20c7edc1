from __future__ import annotations

import math
from datetime import date
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.journey.journeys.rules.settings import Learning
from services.journey.journeys.rules.vocabulary import Action
from services.journey.learning.rules.estimates import wilson
from services.journey.learning.rules.policy import (
    Counts,
    Policy,
    belief,
    effect,
    held_out,
    prospects,
    ranked,
    ranked_by,
    seed_of,
)
from services.journey.learning.rules.stored import from_beliefs, to_beliefs
from tests.unit.journey.learning.learner import called

LEARNING = Learning()
ACME = UUID("8a5d3a0e-5d0c-4c37-9b61-1f6a6f0a5a01")
EMAIL, MEETING, VOICE, PERSON, PACK, SURVEY = Action
FIRST_LAST = Policy(7, 400, {None: {EMAIL: Counts(20, 180), MEETING: Counts(150, 50)}})

COUNTS = st.builds(Counts, st.floats(0, 1e4), st.floats(0, 1e4))
POLICIES = st.builds(
    Policy,
    st.just(3),
    st.floats(50, 1e6),
    st.fixed_dictionaries({None: st.dictionaries(st.sampled_from(Action), COUNTS)}),
)
ACTIONS = st.lists(st.sampled_from(Action), min_size=1, max_size=6, unique=True)


def test_without_outcomes_the_rules_order_is_what_is_believed() -> None:
    means = [effect(Policy(), LEARNING, "", EMAIL, place).mean for place in range(6)]
    assert means == pytest.approx([0.5, 0.4, 0.32, 0.256, 0.2048, 0.16384])
    assert effect(Policy(), LEARNING, "", EMAIL, 0).outcomes == 0


def test_the_rules_are_worth_their_strength() -> None:
    """Half of the way from the guess to the share when as many outcomes speak of it."""
    policy = Policy(1, 50, {None: {EMAIL: Counts(10, 0)}})
    assert belief(policy, LEARNING, "", EMAIL, 0) == ((15, 5), 10)
    assert effect(policy, LEARNING, "", EMAIL, 0).mean == pytest.approx(0.75)
    strong = Learning(prior_strength=90)
    assert effect(policy, strong, "", EMAIL, 0).mean == pytest.approx(0.55)


def test_ninety_percent_of_the_belief_lie_in_the_interval() -> None:
    """Beta(5, 5): 0.2514 to 0.7486, as tables have it."""
    found = effect(Policy(), LEARNING, "", EMAIL, 0)
    assert (found.lower, found.upper) == pytest.approx((0.25137, 0.74863), abs=2e-5)


def segments(taken: float, left: float) -> Policy:
    """The organisation has 300 of 1,000 but for the segment, which has these."""
    everyone = Counts(300 + taken, 700 + left)
    return Policy(1, 1000, {None: {EMAIL: everyone}, "pro": {EMAIL: Counts(taken, left)}})


def test_a_segment_with_few_outcomes_stays_near_the_organisation() -> None:
    whole = effect(segments(0, 0), LEARNING, "", EMAIL, 0).mean
    for policy in (segments(0, 0), segments(2, 0)):
        assert effect(policy, LEARNING, "pro", EMAIL, 0).mean == pytest.approx(whole, abs=0.07)
    assert effect(segments(0, 0), LEARNING, "new", EMAIL, 0).mean == pytest.approx(whole)


def test_a_segment_weighs_as_much_with_its_strength_in_outcomes() -> None:
    whole = effect(segments(0, 0), LEARNING, "pro", EMAIL, 0).mean
    found = effect(segments(20, 0), LEARNING, "pro", EMAIL, 0)
    assert found.mean == pytest.approx((whole + 1) / 2)
    assert found.outcomes == 20


def test_a_segment_with_many_outcomes_speaks_for_itself() -> None:
    found = effect(segments(1800, 200), LEARNING, "pro", EMAIL, 0)
    assert found.mean == pytest.approx(0.9, abs=0.01)


def test_a_segments_outcomes_count_once() -> None:
    """An organisation with one segment believes of it what it believes of all."""
    only = Policy(1, 80, {None: {EMAIL: Counts(60, 20)}, "pro": {EMAIL: Counts(60, 20)}})
    assert belief(only, LEARNING, "pro", EMAIL, 0) == belief(only, LEARNING, "", EMAIL, 0)


@given(taken=st.floats(0, 500), left=st.floats(0, 500))
def test_a_segment_lies_between_itself_and_the_organisation(taken: float, left: float) -> None:
    policy = segments(taken, left)
    rest = effect(segments(0, 0), LEARNING, "pro", EMAIL, 0).mean
    own = taken / (taken + left) if taken + left else rest
    found = belief(policy, LEARNING, "pro", EMAIL, 0)[0].mean
    assert min(own, rest) - 1e-9 <= found <= max(own, rest) + 1e-9


@given(policy=POLICIES, first=ACTIONS, second=ACTIONS, seed=st.integers(0, 2**63 - 1))
def test_nothing_is_recommended_that_is_not_permitted(
    policy: Policy, first: list[Action], second: list[Action], seed: int
) -> None:
    """What is called for comes out, each once, and nothing crosses from one tier to another."""
    after = [action for action in second if action not in first]
    order = (*called(*first), *called(*after, tier=1))
    found = ranked(order, policy, LEARNING, "", seed)
    assert sorted(one.called.action for one in found) == sorted([*first, *after])
    assert [one.called.tier for one in found] == [0] * len(first) + [1] * len(after)
    assert sum(one.propensity for one in found) == pytest.approx(1)
    assert all(one.propensity == 0 for one in found if one.called.tier)


@given(policy=POLICIES, actions=ACTIONS, seed=st.integers(0, 2**63 - 1))
def test_a_seed_and_a_version_give_the_same_ranking(
    policy: Policy, actions: list[Action], seed: int
) -> None:
    once, again = (ranked(called(*actions), policy, LEARNING, "", seed) for _ in range(2))
    assert once == again
    kept = Policy(policy.version, policy.outcomes, from_beliefs(to_beliefs(policy.beliefs)))
    assert ranked(called(*actions), kept, LEARNING, "", seed) == once


def test_propensities_are_how_often_an_action_comes_first() -> None:
    counts = {EMAIL: Counts(9, 21), MEETING: Counts(6, 9), VOICE: Counts(1, 1)}
    policy, n = Policy(2, 60, {None: counts}), 20_000
    order = called(EMAIL, MEETING, VOICE)
    outlook = prospects(order, policy, LEARNING, "")
    firsts = [
        ranked_by(order, outlook, seed_of(ACME, f"client {at}", 2, date(2026, 11, 21)))[0]
        for at in range(n)
    ]
    for action, chance in zip((EMAIL, MEETING, VOICE), outlook.propensities, strict=True):
        found = sum(one.called.action == action for one in firsts) / n
        assert abs(found - chance) < 4 * math.sqrt(chance * (1 - chance) / n)
        assert {one.propensity for one in firsts if one.called.action == action} == {chance}


def test_a_ranking_of_long_ago_can_be_made_again() -> None:
    """A version, a segment and a seed stand in the log; so does what they made."""
    seed = seed_of(ACME, "c-1", 7, date(2026, 11, 21))
    assert seed == 5909189730577316200
    policy = Policy(7, 60, {None: {EMAIL: Counts(9, 21), MEETING: Counts(6, 9)}})
    found = ranked(called(EMAIL, MEETING, VOICE), policy, LEARNING, "", seed)
    assert [(one.called.action, round(one.propensity, 5)) for one in found] == [
        (VOICE, 0.24899),
        (MEETING, 0.50836),
        (EMAIL, 0.24266),
    ]


@pytest.mark.parametrize(
    ("policy", "learning", "apart"),
    [
        (Policy(), LEARNING, False),
        (FIRST_LAST, Learning(enabled=False), False),
        (FIRST_LAST, Learning(min_outcomes=401), False),
        (FIRST_LAST, LEARNING, True),
    ],
    ids=["nothing learnt", "switched off", "too little", "held out"],
)
def test_where_nothing_counts_the_rules_stand(
    policy: Policy,
    learning: Learning,
    apart: bool,  # noqa: FBT001 - a case of the table
) -> None:
    order = called(EMAIL, MEETING)
    for seed in range(50):
        found = ranked(order, policy, learning, "", seed, held_out=apart)
        assert [(one.called, one.propensity) for one in found] == [(order[0], 1), (order[1], 0)]


def test_what_is_known_is_told_also_where_it_does_not_count() -> None:
    found = ranked(called(EMAIL, MEETING), FIRST_LAST, LEARNING, "", 1, held_out=True)
    assert found[1].effect.mean > 0.7
    assert found[1].effect.outcomes == 200


def test_nothing_called_for_is_nothing_recommended() -> None:
    assert ranked((), FIRST_LAST, LEARNING, "", 1) == ()


@pytest.mark.parametrize("percent", [5.0, 20.0])
def test_so_many_clients_are_held_out_as_were_asked_for(percent: float) -> None:
    apart = sum(held_out(ACME, f"client-{at}", percent) for at in range(20_000))
    lower, upper = wilson(apart, 20_000)
    assert lower <= percent / 100 <= upper


def test_held_out_is_held_out_for_good() -> None:
    """By the client alone, in each organisation others; at a higher percentage still."""
    clients, globex = [f"client-{at}" for at in range(2000)], uuid4()
    apart = {one for one in clients if held_out(ACME, one, 5)}
    assert apart == {one for one in clients if held_out(ACME, one, 5)}
    assert apart < {one for one in clients if held_out(ACME, one, 10)}
    assert apart != {one for one in clients if held_out(globex, one, 5)}
    assert not any(held_out(ACME, one, 0) for one in clients)
    assert all(held_out(ACME, one, 100) for one in clients)


def test_the_seed_changes_with_the_day_the_version_and_the_client() -> None:
    day, after = date(2026, 11, 21), date(2026, 11, 22)
    seeds = {
        seed_of(ACME, "a", 1, day),
        seed_of(ACME, "a", 1, after),
        seed_of(ACME, "a", 2, day),
        seed_of(ACME, "b", 1, day),
        seed_of(uuid4(), "a", 1, day),
    }
    assert len(seeds) == 5
    assert all(0 <= seed < 2**63 for seed in seeds)
