"""The first move, against published examples, a second computation, and its own laws."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.journey.funnels.rules.competing_risks import Base, Curve, Spell
from services.journey.journeys.rules.vocabulary import Stage
from tests.judging import LAW

ONE, OTHER = Stage.BILLING, Stage.CHURN_RISK
EQUAL = {ONE: 0.5, OTHER: 0.5}
NOTHING = Base(1e-9, 1e-9, EQUAL)
"""So weak and slow that it does not matter."""

# Of Kaplan and Meier's paper, section 2: deaths, and losses (+) of eight.
KAPLAN_MEIER = [
    Spell(0.8, ONE), Spell(1.0, None), Spell(2.7, None), Spell(3.1, ONE),
    Spell(5.4, ONE), Spell(7.0, None), Spell(9.2, ONE), Spell(12.1, None),
]  # fmt: skip

# Satagopan et al., "A note on competing risks in survival data analysis", British Journal of Cancer
# 91, 2004, table 2: the first nine of 305 patients, ONE for the cancer, OTHER for other causes.
SATAGOPAN = [
    Spell(7, None), Spell(10, ONE), Spell(14, None), Spell(16, ONE), Spell(18, OTHER),
    Spell(23, ONE), Spell(24, None), Spell(26, OTHER), Spell(27, ONE),
    *[Spell(28, None)] * 296,
]  # fmt: skip

SPELLS = st.lists(
    st.builds(
        Spell,
        st.integers(1, 40).map(lambda tenths: tenths / 10),
        st.sampled_from([ONE, OTHER, None]),
    ),
    max_size=30,
)
BASES = st.builds(
    Base,
    st.floats(0.1, 50),
    st.floats(0.01, 10),
    st.floats(0.01, 0.99).map(lambda share: {ONE: share, OTHER: 1 - share}),
)
TIMES = st.floats(0, 6)


def staying(curve: Curve, time: float) -> float:
    return 1 - sum(curve.incidence(time).values())


def aalen_johansen(spells: Sequence[Spell], time: float) -> dict[Stage, float]:
    """By the formula, from the counts at each time."""
    staying, moved = 1.0, {ONE: 0.0, OTHER: 0.0}
    for at in sorted({spell.seconds for spell in spells if spell.seconds <= time}):
        at_risk = sum(spell.seconds >= at for spell in spells)
        before = staying
        for cause in moved:
            share = spells.count(Spell(at, cause)) / at_risk
            moved[cause] += before * share
            staying -= before * share
    return moved


def susarla_van_ryzin(spells: Sequence[Spell], base: Base, time: float) -> float:
    """The probability of staying, by the closed form of their corollary."""

    def prior(at: float) -> float:
        return base.strength * math.exp(-base.rate * at)

    def beyond(at: float) -> int:
        return sum(spell.seconds > at for spell in spells)

    product = (prior(time) + beyond(time)) / (base.strength + len(spells))
    for at in {spell.seconds for spell in spells if spell.cause is None and spell.seconds <= time}:
        left = prior(at) + beyond(at)
        product *= (left + spells.count(Spell(at, None))) / left
    return product


@pytest.mark.parametrize(
    ("time", "expected"), [(0.8, 0.875), (3.1, 0.7), (5.4, 0.525), (9.2, 0.2625), (99, 0.2625)]
)
def test_without_a_base_it_is_the_product_limit_of_kaplan_and_meier(
    time: float, expected: float
) -> None:
    assert staying(Curve(KAPLAN_MEIER, NOTHING), time) == pytest.approx(expected)


def test_competing_risks_are_as_satagopan_et_al_publish_them() -> None:
    curve = Curve(SATAGOPAN, NOTHING)
    published = {10: 99.7, 16: 99.3, 18: 99.0, 23: 98.7, 26: 98.3, 27: 98.0}
    assert {time: round(100 * staying(curve, time), 1) for time in published} == published
    expected = 1 / 304 + 303 / 304 / 302  # by hand, of the table's first two steps
    assert curve.incidence(16) == pytest.approx({ONE: expected, OTHER: 0})
    before = 303 / 304 * 301 / 302
    assert curve.incidence(18)[OTHER] == pytest.approx(before / 301)


def test_with_a_base_it_is_the_bayes_estimate_computed_by_hand() -> None:
    curve = Curve(KAPLAN_MEIER, Base(8, 0.12, {ONE: 1.0}))
    assert staying(curve, 0.8) == pytest.approx((8 * math.exp(-0.096) + 7) / 16)
    at_loss = 8 * math.exp(-0.12)
    expected = (8 * math.exp(-0.24) + 6) / 16 * (at_loss + 7) / (at_loss + 6)
    assert staying(curve, 2.0) == pytest.approx(expected)


@LAW
@given(SPELLS, TIMES)
def test_without_a_base_it_is_aalen_and_johansens(spells: list[Spell], time: float) -> None:
    found = Curve(spells, NOTHING).incidence(time)
    assert found == pytest.approx(aalen_johansen(spells, time), abs=1e-6)


@LAW
@given(SPELLS, BASES, TIMES)
def test_for_all_causes_together_it_is_susarla_and_van_ryzins(
    spells: list[Spell], base: Base, time: float
) -> None:
    found = staying(Curve(spells, base), time)
    assert found == pytest.approx(susarla_van_ryzin(spells, base, time), abs=1e-12)


@LAW
@given(SPELLS, BASES)
def test_sooner_or_later_all_move(spells: list[Spell], base: Base) -> None:
    assert sum(Curve(spells, base).incidence().values()) == pytest.approx(1)


@LAW
@given(SPELLS, BASES, TIMES, TIMES)
def test_incidence_only_grows(spells: list[Spell], base: Base, one: float, other: float) -> None:
    curve = Curve(spells, base)
    early, late = curve.incidence(min(one, other)), curve.incidence(max(one, other))
    assert all(late[cause] >= early[cause] - 1e-12 for cause in EQUAL)


@LAW
@given(SPELLS, BASES, st.permutations(range(30)))
def test_the_order_of_spells_does_not_matter(
    spells: list[Spell], base: Base, order: list[int]
) -> None:
    mixed = [spells[place] for place in order if place < len(spells)]
    assert Curve(mixed, base).incidence(2.0) == Curve(spells, base).incidence(2.0)


@LAW
@given(SPELLS, BASES, st.floats(0.01, 0.99))
def test_by_a_quantile_its_share_has_moved_and_not_before(
    spells: list[Spell], base: Base, share: float
) -> None:
    curve = Curve(spells, base)
    time = curve.quantile(share)
    assert staying(curve, time) <= 1 - share + 1e-9
    assert staying(curve, time * (1 - 1e-9)) >= 1 - share - 1e-6


@LAW
@given(st.lists(st.builds(Spell, st.floats(0.1, 5), st.sampled_from([ONE, OTHER]))), BASES)
def test_without_censored_spells_each_counts_as_a_case(spells: list[Spell], base: Base) -> None:
    expected = base.strength + len(spells)
    assert Curve(spells, base).effective_cases() == pytest.approx(expected)


@LAW
@given(SPELLS, BASES)
def test_censored_spells_are_less_than_cases(spells: list[Spell], base: Base) -> None:
    moves = sum(spell.cause is not None for spell in spells)
    assert Curve(spells, base).effective_cases() <= base.strength + moves + 1e-6


def test_what_running_spells_leave_undecided_goes_where_moves_went() -> None:
    curve = Curve([*[Spell(1.0, ONE)] * 40, *[Spell(9.0, None)] * 60], Base(10, 1.0, EQUAL))
    own = 10 / 110 * 0.5
    assert curve.incidence()[OTHER] == pytest.approx(own + (0.6 - 0.6 / 11) * 5 / 50, abs=1e-3)


def test_a_base_faded_beyond_what_a_float_holds_still_ends_all() -> None:
    curve = Curve([*[Spell(1.0, ONE)] * 100, Spell(1e9, None)], Base(10, 1.0, EQUAL))
    assert sum(curve.incidence().values()) == pytest.approx(1)
    assert 1e9 < curve.quantile(0.9999) < math.inf
