"""What holds of risks, scores and actions whatever happened and however they are set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import reduce
from operator import add
from typing import Any

from hypothesis import assume, given
from hypothesis import settings as running
from hypothesis import strategies as st

from services.journey.journeys.rules.calls import called_for
from services.journey.journeys.rules.facts import derive
from services.journey.journeys.rules.risks import findings, next_change
from services.journey.journeys.rules.score import level, score
from services.journey.journeys.rules.settings import JourneySettings
from services.journey.journeys.rules.standing import Standing
from services.journey.journeys.rules.vocabulary import (
    DAY,
    Happening,
    Micros,
    Risk,
    RiskLevel,
    Stage,
)
from tests.journeys import NOW, catalogues, happenings, standings

LATER = st.one_of(
    st.just(0), st.integers(0, 30).map(lambda days: days * DAY), st.integers(0, 30 * DAY)
)


def switched(settings: JourneySettings, risk: Risk, *, on: bool) -> JourneySettings:
    rule = replace(settings.risks[risk], enabled=on)
    return replace(settings, risks={**settings.risks, risk: rule})


class TestScore:
    @given(standings(), catalogues(), st.sampled_from(Risk))
    def test_no_risk_raises_it_or_lowers_the_level(
        self, standing: Standing, settings: JourneySettings, risk: Risk
    ) -> None:
        without = score(standing, switched(settings, risk, on=False), NOW)
        with_it = score(standing, switched(settings, risk, on=True), NOW)
        assert with_it.score <= without.score
        assert with_it.level >= without.level

    @given(standings(), catalogues())
    def test_an_overdue_invoice_never_raises_it(
        self, standing: Standing, settings: JourneySettings
    ) -> None:
        owing = replace(standing, facts=replace(standing.facts, overdue={"F-7": NOW - DAY}))
        paid = replace(standing, facts=replace(standing.facts, overdue={}))
        assert score(owing, settings, NOW).score <= score(paid, settings, NOW).score

    @given(standings(), catalogues())
    def test_its_parts_are_it_and_it_is_between_0_and_100(
        self, standing: Standing, settings: JourneySettings
    ) -> None:
        found = score(standing, settings, NOW)
        assert reduce(add, (one.points for one in found.contributions)) == found.score
        assert 0 <= found.score <= 100
        factors = [one.factor for one in found.contributions]
        risks = [f"risk.{one.risk.name.lower()}" for one in found.findings]
        assert factors in (["base", "stage", *risks], ["base", "stage", *risks, "clamp"])
        assert all(one.points for one in found.contributions if one.factor == "clamp")
        assert all(one.reason for one in found.contributions)

    @given(catalogues(), st.integers(0, 5), st.sampled_from(Stage))
    def test_one_risk_more_never_lowers_the_level(
        self, settings: JourneySettings, risks: int, stage: Stage
    ) -> None:
        assert level(risks, stage, settings) <= level(risks + 1, stage, settings)
        assert level(risks, stage, settings) <= level(risks, Stage.CHURN_RISK, settings)
        assert level(risks, Stage.CHURN_RISK, settings) >= RiskLevel.HIGH


class TestRisks:
    @given(standings(), catalogues(), st.data())
    def test_the_order_of_mappings_does_not_matter(
        self, standing: Standing, settings: JourneySettings, data: st.DataObject
    ) -> None:
        def shuffled(mapping: Mapping[Any, Any]) -> dict[Any, Any]:
            return dict(data.draw(st.permutations(list(mapping.items()))))

        facts = replace(
            standing.facts,
            overdue=shuffled(standing.facts.overdue),
            open_tickets=shuffled(standing.facts.open_tickets),
        )
        other = replace(settings, risks=shuffled(settings.risks))
        expected = findings(standing, settings, NOW)
        assert findings(replace(standing, facts=facts), other, NOW) == expected
        ranks = [(settings.risks[one.risk].rank, one.risk) for one in expected]
        assert ranks == sorted(ranks)

    @given(happenings(), catalogues(), st.data())
    def test_a_risk_has_held_since_it_says_so(
        self, events: list[Happening], settings: JourneySettings, data: st.DataObject
    ) -> None:
        """Asked at any moment since, with what had happened by then, it was there."""
        standing = data.draw(standings(events))
        for one in findings(standing, settings, NOW):
            if one.since is None:
                continue
            assert one.since <= NOW
            then = data.draw(st.integers(one.since, NOW) | st.just(one.since))
            facts = derive([event for event in events if event.occurred_at <= then])
            held = findings(replace(standing, facts=facts), settings, then)
            assert one.risk in {other.risk for other in held}, one


class TestNextChange:
    @running(max_examples=500)
    @given(standings(), catalogues(), LATER, st.data())
    def test_nothing_changes_before_it_and_something_does_then(
        self, standing: Standing, settings: JourneySettings, later: Micros, data: st.DataObject
    ) -> None:
        """So a look at that moment, and none before, keeps a client current."""
        now = NOW + later
        known, turn = findings(standing, settings, now), next_change(standing, settings, now)
        until = now + 20 * 365 * DAY if turn is None else turn - 1
        moments = [until, data.draw(st.integers(now, until))]
        assert all(findings(standing, settings, moment) == known for moment in moments)
        if turn is not None:
            assert now < turn
            assert findings(standing, settings, turn) != known

    @given(standings(), catalogues(), LATER.filter(bool))
    def test_an_event_that_is_still_to_occur_is_a_change(
        self, standing: Standing, settings: JourneySettings, ahead: Micros
    ) -> None:
        alone = next_change(standing, settings, NOW)
        waiting = replace(standing, pending_at=NOW + ahead)
        assert next_change(waiting, settings, NOW) == min(NOW + ahead, alone or NOW + ahead)
        assert next_change(replace(standing, pending_at=NOW), settings, NOW) == alone

    @given(standings(), catalogues())
    def test_from_change_to_change_it_comes_to_an_end(
        self, standing: Standing, settings: JourneySettings
    ) -> None:
        """A client that nothing happens to is looked at a few times, and then no more."""
        now: Micros | None = NOW
        for _ in range(30):
            now = next_change(standing, settings, now) if now is not None else None
        assert now is None


class TestActions:
    @given(standings(), catalogues())
    def test_each_is_called_for_once_by_the_stage_or_by_risks_that_hold(
        self, standing: Standing, settings: JourneySettings
    ) -> None:
        found = score(standing, settings, NOW)
        called = called_for(found, settings)
        by_risk = {settings.risks[one.risk].action for one in found.findings}
        wanted = by_risk | set(settings.stages[found.stage].actions)
        assert sorted(one.action for one in called) == sorted(wanted)
        assert all(one.by_stage or one.findings for one in called)
        named = [finding for one in called for finding in one.findings]
        assert sorted(named, key=lambda one: one.risk) == sorted(
            found.findings, key=lambda one: one.risk
        )

    @given(standings(), catalogues())
    def test_at_high_and_critical_no_action_of_the_stage_comes_before_one_of_a_risk(
        self, standing: Standing, settings: JourneySettings
    ) -> None:
        found = score(standing, settings, NOW)
        tiers = [one.tier for one in called_for(found, settings)]
        assume(tiers)
        assert tiers == sorted(tiers)
        if found.level < RiskLevel.HIGH:
            assert set(tiers) == {0}
        else:
            risks = sum(1 for one in called_for(found, settings) if one.findings)
            assert tiers == [min(place, risks) for place in range(len(tiers))]
