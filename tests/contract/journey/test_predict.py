"""Where a client is likely to go next, and when, from what its organisation's clients did."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from footfall.journey.v1 import funnel_pb2
from services.journey.funnels.rules.defaults import PRIOR_DAYS, PRIOR_MOVES, STRENGTH
from services.journey.funnels.rules.prediction import MOST_VISITS, PastVisit, predict
from services.journey.journeys.rules import vocabulary
from services.journey.journeys.rules.vocabulary import Stage
from tests.ingesting import refusal
from tests.journeying import Journey, Traveller
from tests.organisations import Organisation
from tests.travels import make
from tests.wayfaring import Journeys, alike, at_random, day, stays, tell, way

LEAD, QUALIFIED, ONBOARDING, CHURN = (
    Stage.LEAD,
    Stage.QUALIFIED_LEAD,
    Stage.ONBOARDING,
    Stage.CHURN_RISK,
)
DAY = 86_400.0

# To lead after the second day, each for ten days, and then lost.
_MANY_VISITS = f"""
INSERT INTO app.stage_visits (org_id, client_id, entered_at, event_id, stage, left_at, next_stage,
  unusual)
SELECT %s, 'many' || n, at, gen_random_uuid(), {LEAD}, at + interval '10 days', {CHURN}, false
FROM (SELECT n, timestamptz '{day(2)}' + n * interval '1 second' AS at
  FROM generate_series(1, %s) AS n) AS those
"""


def ask(caller: Traveller, client_id: str, **request: Any) -> Any:
    return caller.call(
        "PredictStage", funnel_pb2.PredictStageRequest(client_id=client_id, **request)
    )


def probabilities(answer: Any) -> dict[int, float]:
    return {one.stage: one.probability for one in answer.next_stages}


def refused(caller: Traveller, client_id: str, **request: Any) -> Any:
    with pytest.raises(grpc.RpcError) as error:
        ask(caller, client_id, **request)
    return refusal(error.value)


class TestNewOrganisation:
    def test_rests_on_the_prior_alone(self, caller: Traveller) -> None:
        tell(caller, {"one": way((1, LEAD))})
        found = ask(caller, "one", as_of=day(4))
        assert found.current_stage == LEAD
        assert found.stage_since.ToDatetime(UTC) == day(1)
        assert found.as_of.ToDatetime(UTC) == day(4)
        assert probabilities(found) == pytest.approx(PRIOR_MOVES[LEAD])
        assert (found.sample_visits, found.history_weight) == (0, 0)
        assert found.insufficient_data
        month = -math.expm1(-30 / PRIOR_DAYS[LEAD])
        assert found.probability_within_horizon == pytest.approx(month)
        assert found.time_to_next.median_seconds == pytest.approx(
            PRIOR_DAYS[LEAD] * math.log(2) * DAY
        )
        assert found.time_to_next.HasField("upper_seconds")

    def test_a_client_without_events_is_a_lead_since_it_was_made(self, caller: Traveller) -> None:
        before = datetime.now(UTC) - timedelta(minutes=1)
        make(caller, "new")
        found = ask(caller, "new")
        assert found.current_stage == LEAD
        assert before < found.stage_since.ToDatetime(UTC) <= found.as_of.ToDatetime(UTC)
        assert sum(probabilities(found).values()) == pytest.approx(1)


class TestHistory:
    @pytest.fixture
    def known(self, caller: Traveller) -> Traveller:
        """Forty leads that qualified after ten days, and one that is a lead since the day 50."""
        tell(caller, alike("past", 40, (1, LEAD), (11, QUALIFIED)))
        tell(caller, {"one": way((50, LEAD))})
        return caller

    def test_what_others_did_comes_to_be_expected(self, known: Traveller) -> None:
        found = ask(known, "one", as_of=day(53))
        assert found.sample_visits == 40
        assert found.history_weight == pytest.approx(40 / 50)
        assert not found.insufficient_data
        first = found.next_stages[0]
        assert first.stage == QUALIFIED
        assert first.probability == pytest.approx(0.8 + 0.2 * PRIOR_MOVES[LEAD][QUALIFIED])
        assert first.lower < first.probability < first.upper
        assert found.time_to_next.median_seconds == 7 * DAY

    def test_the_horizon_is_what_was_asked_for(self, known: Traveller) -> None:
        near, usual, far = (
            ask(known, "one", as_of=day(53), horizon_days=days) for days in (6, 0, 365)
        )
        assert near.probability_within_horizon < 0.2
        assert usual.probability_within_horizon > 0.8
        assert usual == ask(known, "one", as_of=day(53), horizon_days=30)
        assert usual.probability_within_horizon < far.probability_within_horizon <= 1 + 1e-9
        for found in (near, usual, far):
            parts = [one.probability_within_horizon for one in found.next_stages]
            assert sum(parts) == pytest.approx(found.probability_within_horizon)

    def test_how_long_it_has_been_there_counts(self, known: Traveller) -> None:
        found = ask(known, "one", as_of=day(61))
        # None of the others was there for more than ten days.
        assert (found.sample_visits, found.history_weight) == (40, 0)
        assert found.insufficient_data

    def test_of_very_many_the_latest_count(self, known: Traveller, acme: Organisation) -> None:
        acme.database.execute(_MANY_VISITS, acme.org_id, MOST_VISITS)
        found = ask(known, "one", as_of=day(53))
        assert MOST_VISITS == found.sample_visits == 5_000
        # The forty came before them.
        moves = probabilities(found)
        assert moves[CHURN] > 0.99
        weight = MOST_VISITS / (MOST_VISITS + STRENGTH)
        assert moves[QUALIFIED] == pytest.approx((1 - weight) * PRIOR_MOVES[LEAD][QUALIFIED])

    def test_its_own_past_counts_like_that_of_others(self, known: Traveller) -> None:
        tell(known, {"again": way((1, LEAD), (11, CHURN), (50, LEAD))})
        found = ask(known, "again", as_of=day(53))
        assert found.sample_visits == 42
        assert found.history_weight == pytest.approx(41 / 51)
        assert ask(known, "one", as_of=day(53)).sample_visits == 42

    @pytest.mark.usefixtures("known")
    def test_of_other_organisations_nothing_counts(
        self, journey: Journey, globex: Organisation
    ) -> None:
        stranger = journey.traveller(globex)
        tell(stranger, {"one": way((50, LEAD))})
        assert ask(stranger, "one", as_of=day(53)).sample_visits == 0


class TestAsOf:
    def test_what_came_later_is_not_known(self, caller: Traveller) -> None:
        tell(caller, alike("past", 5, (1, LEAD), (11, QUALIFIED)))
        tell(caller, {"one": way((3, LEAD))})
        before = ask(caller, "one", as_of=day(5))
        assert (before.sample_visits, before.history_weight) == (5, 0)  # they run still
        tell(caller, {"one": way((6, ONBOARDING)), **alike("new", 5, (7, LEAD))})
        assert ask(caller, "one", as_of=day(5)) == before
        after = ask(caller, "one", as_of=day(6))
        assert after.current_stage == ONBOARDING
        assert after.stage_since.ToDatetime(UTC) == day(6)

    def test_a_late_arrival_changes_the_past(self, caller: Traveller) -> None:
        tell(caller, {"one": way((1, LEAD))})
        assert ask(caller, "one", as_of=day(5)).current_stage == LEAD
        tell(caller, {"one": way((2, QUALIFIED))})
        assert ask(caller, "one", as_of=day(5)).current_stage == QUALIFIED

    def test_nobody_is_known_before_its_first_event(self, caller: Traveller) -> None:
        tell(caller, {"one": way((1, LEAD))})
        assert ask(caller, "one", as_of=day(1)).current_stage == LEAD
        found = refused(caller, "one", as_of=day(0.9))
        assert (found.code, found.reason) == (grpc.StatusCode.NOT_FOUND, "NOT_FOUND")


class TestRefusals:
    def test_who_is_not_there_and_who_is_anothers_are_alike(
        self, caller: Traveller, journey: Journey, globex: Organisation
    ) -> None:
        tell(journey.traveller(globex), {"theirs": way((1, LEAD))})
        theirs, nobodys = refused(caller, "theirs"), refused(caller, "nobodys")
        assert theirs.code == grpc.StatusCode.NOT_FOUND
        assert theirs == nobodys

    @pytest.mark.parametrize(
        ("request_", "field"),
        [
            ({"client_id": "one", "horizon_days": 366}, "horizon_days"),
            ({"client_id": "one", "horizon_days": -1}, "horizon_days"),
            ({"client_id": ""}, "client_id"),
            ({"client_id": "one", "as_of": datetime(1999, 12, 31, tzinfo=UTC)}, "as_of"),
            ({"client_id": "one", "as_of": datetime(2999, 1, 1, tzinfo=UTC)}, "as_of"),
        ],
    )
    def test_name_the_field(self, caller: Traveller, request_: dict[str, Any], field: str) -> None:
        found = refused(caller, **request_)
        assert found.code == grpc.StatusCode.INVALID_ARGUMENT
        assert list(found.violations) == [field]


class TestSecondReading:
    """The same rules over visits that are derived here, from the events alone."""

    @pytest.mark.parametrize("seed", range(2))
    def test_agrees(self, caller: Traveller, seed: int) -> None:
        journeys = {name: known for name, known in at_random(seed, 40).items() if known}
        tell(caller, journeys)
        asked = 0
        for client_id, journey in journeys.items():
            as_of = day(20.5)
            if not (own := stays(journey, as_of)):
                continue
            asked += 1
            found, now = ask(caller, client_id, as_of=as_of), own[-1]
            assert found.current_stage == now.stage
            history = _history(journeys, client_id, now.stage, as_of)
            elapsed = (as_of - now.since) // timedelta(microseconds=1)
            expected = predict(now.stage, elapsed, history, 30 * vocabulary.DAY)
            assert probabilities(found) == pytest.approx(
                {one.stage: one.probability for one in expected.next_stages}
            )
            assert found.sample_visits == len(history)
            assert found.probability_within_horizon == pytest.approx(expected.within_horizon)
        assert asked > 10


def _history(journeys: Journeys, client_id: str, stage: Stage, as_of: datetime) -> list[PastVisit]:
    """All visits to the stage but the one that the client is on."""
    return [
        PastVisit(((stay.until or as_of) - stay.since) // timedelta(microseconds=1), stay.after)
        for name, journey in journeys.items()
        for stay in stays(journey, as_of)
        if stay.stage is stage and (name != client_id or stay.until is not None)
    ]
