"""How many go from stage to stage, against counts made by hand and by a second computation."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from google.type.interval_pb2 import Interval

from footfall.journey.v1 import clients_pb2, funnel_pb2
from services.journey.journeys.rules.vocabulary import Stage
from tests.ingesting import refusal
from tests.journeying import Journey, Traveller
from tests.organisations import Organisation
from tests.travels import make
from tests.wayfaring import Journeys, Stay, alike, at_random, day, stays, tell, way

LEAD, QUALIFIED, ONBOARDING, PROJECT, BILLING, RETENTION, UPSELL, CHURN = (
    Stage.LEAD,
    Stage.QUALIFIED_LEAD,
    Stage.ONBOARDING,
    Stage.ACTIVE_PROJECT,
    Stage.BILLING,
    Stage.RETENTION,
    Stage.UPSELL_CANDIDATE,
    Stage.CHURN_RISK,
)
DAY = 86_400.0


def ask(
    caller: Traveller,
    start: Any = day(0),  # noqa: B008 - a constant
    end: Any = day(90),  # noqa: B008 - a constant
    **request: Any,
) -> Any:
    interval = Interval(start_time=start, end_time=end)
    return caller.call(
        "GetStageFunnel", funnel_pb2.GetStageFunnelRequest(interval=interval, **request)
    )


def step(answer: Any, stage: Stage) -> Any:
    return next(one for one in answer.stages if one.stage == stage)


def counts(answer: Any) -> dict[int, tuple[int, int, int, int]]:
    """Entered, converted, here now and lost, of stages to which anyone came."""
    return {
        one.stage: (one.entered, one.converted, one.here_now, one.lost)
        for one in answer.stages
        if one.entered
    }


def moves(answer: Any) -> dict[tuple[int, int], int]:
    return {(one.from_stage, one.to_stage): one.count for one in answer.transitions}


class TestCounts:
    def test_by_hand(self, caller: Traveller) -> None:
        tell(
            caller,
            {
                "on": way((1, LEAD), (3, QUALIFIED), (8, ONBOARDING)),
                "skips": way((1, LEAD), (11, PROJECT), (12, CHURN)),
                "leaves": way((2, LEAD), (4, CHURN)),
                "stays": way((5, LEAD)),
            },
        )
        found = ask(caller)
        assert [one.stage for one in found.stages] == list(Stage)
        assert counts(found) == {
            LEAD: (4, 2, 1, 2),
            QUALIFIED: (1, 1, 0, 0),
            ONBOARDING: (1, 0, 1, 0),
            PROJECT: (1, 0, 0, 1),
            CHURN: (2, 0, 2, 0),
        }
        lead = step(found, LEAD)
        assert (lead.conversion, lead.median_seconds_to_convert) == (0.5, 6 * DAY)
        assert not step(found, ONBOARDING).HasField("median_seconds_to_convert")
        assert step(found, ONBOARDING).conversion == 0
        assert [(one.from_stage, one.to_stage, one.count) for one in found.transitions] == [
            (LEAD, QUALIFIED, 1),
            (LEAD, PROJECT, 1),
            (LEAD, CHURN, 1),
            (QUALIFIED, ONBOARDING, 1),
            (PROJECT, CHURN, 1),
        ]
        assert [one.share for one in found.transitions] == [0.25, 0.25, 0.25, 1, 1]
        assert [one.median_seconds / DAY for one in found.transitions] == [2, 10, 2, 5, 1]

    def test_churn_risk_is_no_later_stage(self, caller: Traveller) -> None:
        tell(caller, {"one": way((1, UPSELL), (2, CHURN), (3, RETENTION))})
        found = ask(caller)
        assert counts(found) == {
            RETENTION: (1, 0, 1, 0),
            UPSELL: (1, 0, 0, 1),
            CHURN: (1, 0, 0, 0),
        }
        # Nothing is later than the last step, and churn_risk is none.
        assert not step(found, UPSELL).HasField("conversion")
        assert not step(found, CHURN).HasField("conversion")

    def test_a_client_that_comes_twice_counts_once_from_its_first_time(
        self, caller: Traveller
    ) -> None:
        tell(caller, {"one": way((1, PROJECT), (2, LEAD), (4, PROJECT), (9, BILLING))})
        found = ask(caller)
        project = step(found, PROJECT)
        assert (project.entered, project.converted) == (1, 1)
        assert project.median_seconds_to_convert == 8 * DAY
        assert moves(found) == {(PROJECT, LEAD): 1, (LEAD, PROJECT): 1, (PROJECT, BILLING): 1}

    def test_the_most_frequent_move_comes_first(self, caller: Traveller) -> None:
        tell(caller, alike("a", 2, (1, LEAD), (2, ONBOARDING)))
        tell(caller, alike("b", 3, (1, RETENTION), (2, UPSELL)))
        answered = [(one.from_stage, one.count) for one in ask(caller).transitions]
        assert answered == [(RETENTION, 3), (LEAD, 2)]

    def test_a_client_without_events_came_nowhere(self, caller: Traveller) -> None:
        make(caller, "new")
        found = ask(caller)
        assert counts(found) == {}
        assert not found.transitions
        assert not step(found, LEAD).HasField("conversion")

    def test_a_client_that_was_deleted_counts_no_more(self, caller: Traveller) -> None:
        tell(caller, alike("a", 2, (1, LEAD), (2, ONBOARDING)))
        assert counts(ask(caller))[LEAD] == (2, 2, 0, 0)
        caller.call("DeleteClient", clients_pb2.DeleteClientRequest(client_id="a0"))
        assert counts(ask(caller))[LEAD] == (1, 1, 0, 0)

    def test_of_other_organisations_nothing_counts(
        self, caller: Traveller, journey: Journey, globex: Organisation
    ) -> None:
        tell(journey.traveller(globex), {"one": way((1, LEAD), (2, ONBOARDING))})
        assert counts(ask(caller)) == {}


class TestTimes:
    @pytest.fixture
    def one(self, caller: Traveller) -> Traveller:
        tell(caller, {"one": way((1, LEAD), (5, ONBOARDING), (9, CHURN))})
        return caller

    def test_the_interval_is_half_open(self, one: Traveller) -> None:
        assert counts(ask(one, day(1), day(5))) == {LEAD: (1, 1, 0, 1)}
        assert counts(ask(one, day(5), day(9))) == {ONBOARDING: (1, 0, 0, 1)}
        assert counts(ask(one, day(2), day(5))) == {}

    def test_what_came_after_counts_towards_conversion_only(self, one: Traveller) -> None:
        found = ask(one, day(0), day(2))
        assert counts(found) == {LEAD: (1, 1, 0, 1)}
        assert moves(found) == {(LEAD, ONBOARDING): 1}

    def test_as_of_knows_nothing_of_what_came_later(self, one: Traveller) -> None:
        assert counts(ask(one, as_of=day(4.9))) == {LEAD: (1, 0, 1, 0)}
        assert moves(ask(one, as_of=day(4.9))) == {}
        assert counts(ask(one, as_of=day(5))) == {LEAD: (1, 1, 0, 0), ONBOARDING: (1, 0, 1, 0)}
        assert moves(ask(one, as_of=day(5))) == {(LEAD, ONBOARDING): 1}

    def test_a_late_arrival_changes_the_past(self, one: Traveller) -> None:
        assert counts(ask(one, as_of=day(4))) == {LEAD: (1, 0, 1, 0)}
        tell(one, {"one": way((2, QUALIFIED))})
        assert counts(ask(one, as_of=day(4))) == {LEAD: (1, 1, 0, 0), QUALIFIED: (1, 0, 1, 0)}

    def test_the_answer_says_what_it_holds_for(self, one: Traveller) -> None:
        past = ask(one, day(0), day(10), as_of=day(7))
        assert past.as_of.ToDatetime(UTC) == day(7)
        assert not past.complete
        assert ask(one, day(0), day(7), as_of=day(7)).complete

    def test_without_an_interval_it_is_the_last_year(self, caller: Traveller) -> None:
        tell(caller, {"old": way((0, LEAD)), "newer": way((1, LEAD))})
        found = ask(caller, None, None, as_of=day(365.5))
        assert counts(found) == {LEAD: (1, 0, 1, 0)}
        assert found.complete

    def test_now_is_when_nothing_else_is_said(self, one: Traveller) -> None:
        before = datetime.now(UTC)
        found = ask(one)
        assert before <= found.as_of.ToDatetime(UTC) <= datetime.now(UTC) + timedelta(minutes=1)
        assert counts(found)[CHURN] == (1, 0, 1, 0)


class TestSegments:
    def test_are_those_of_now(self, caller: Traveller) -> None:
        tell(caller, alike("small", 2, (1, LEAD), (2, ONBOARDING)), segment="smb")
        tell(caller, alike("large", 1, (1, LEAD)), segment="enterprise")
        assert counts(ask(caller, segment="smb"))[LEAD] == (2, 2, 0, 0)
        assert counts(ask(caller, segment="enterprise")) == {LEAD: (1, 0, 1, 0)}
        assert counts(ask(caller, segment="nobody")) == {}
        assert counts(ask(caller))[LEAD] == (3, 2, 1, 0)
        make(caller, "large0", segment="smb")
        assert counts(ask(caller, segment="enterprise")) == {}
        assert counts(ask(caller, segment="smb"))[LEAD] == (3, 2, 1, 0)

    def test_of_the_past_are_those_of_then(self, caller: Traveller, acme: Organisation) -> None:
        tell(caller, alike("one", 1, (1, LEAD)), segment="smb")
        assert counts(ask(caller, segment="smb", as_of=day(4))) == {}
        # It was made known today; as if that had been then.
        acme.database.execute(
            "UPDATE app.client_versions SET valid_from = %s WHERE org_id = %s", day(3), acme.org_id
        )
        make(caller, "one0", segment="enterprise")
        assert counts(ask(caller, segment="smb", as_of=day(4))) == {LEAD: (1, 0, 1, 0)}
        assert counts(ask(caller, segment="smb", as_of=day(2))) == {}
        assert counts(ask(caller, segment="smb")) == {}


class TestRefusals:
    @pytest.mark.parametrize(
        ("start", "end", "as_of", "field"),
        [
            (day(1), day(1), None, "interval.end_time"),
            (day(2), day(1), None, "interval.end_time"),
            (day(9), None, day(8), "interval.start_time"),
            (day(-3660), day(0), None, "interval"),
            (day(0), day(1), datetime(1999, 12, 31, tzinfo=UTC), "as_of"),
            (day(0), day(1), datetime(2999, 1, 1, tzinfo=UTC), "as_of"),
        ],
    )
    def test_name_the_field(
        self, caller: Traveller, start: Any, end: Any, as_of: Any, field: str
    ) -> None:
        with pytest.raises(grpc.RpcError) as refused:
            ask(caller, start, end, as_of=as_of)
        found = refusal(refused.value)
        assert (found.code, found.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
        assert list(found.violations) == [field]

    def test_a_time_that_is_none_is_refused(self, caller: Traveller) -> None:
        request = funnel_pb2.GetStageFunnelRequest()
        request.interval.start_time.seconds = 10**15
        with pytest.raises(grpc.RpcError) as refused:
            caller.call("GetStageFunnel", request)
        assert list(refusal(refused.value).violations) == ["interval.start_time"]


class TestSecondComputation:
    """All numbers again, from the events alone, one client after the other."""

    @pytest.mark.parametrize("seed", range(3))
    def test_agrees(self, caller: Traveller, seed: int) -> None:
        journeys = at_random(seed, clients=60)
        tell(caller, journeys)
        for start, end, as_of in [(0, 90, 90), (10, 30, 60), (10, 30, 25), (0, 90, 31.5)]:
            found = ask(caller, day(start), day(end), as_of=day(as_of))
            known = _known(journeys, day(as_of))
            within = day(start), day(end)
            for stage in Stage:
                assert _told(step(found, stage)) == _counted(known, stage, *within)
            assert {
                (one.from_stage, one.to_stage): (one.count, one.share, one.median_seconds)
                for one in found.transitions
            } == _moved(known, *within)


def _known(journeys: Journeys, as_of: datetime) -> list[list[Stay]]:
    return [stays(journey, as_of) for journey in journeys.values()]


def _told(one: Any) -> tuple[Any, ...]:
    return (
        one.entered,
        one.converted,
        one.conversion if one.HasField("conversion") else None,
        one.median_seconds_to_convert if one.HasField("median_seconds_to_convert") else None,
        one.here_now,
        one.lost,
    )


def _counted(
    known: list[list[Stay]], stage: Stage, start: datetime, end: datetime
) -> tuple[Any, ...]:
    entered, here_now, lost, took = 0, 0, 0, []
    for journey in known:
        here = [place for place, stay in enumerate(journey) if stay.stage is stage]
        first = next((place for place in here if start <= journey[place].since < end), None)
        if first is None:
            continue
        later = journey[first + 1 :]
        entered += 1
        here_now += journey[-1].stage is stage
        lost += any(stay.stage is CHURN for stay in later)
        on = [stay.since for stay in later if stage < stay.stage < CHURN]
        took += [(on[0] - journey[first].since).total_seconds()] if on else []
    share = len(took) / entered if entered and stage < UPSELL else None
    return entered, len(took), share, statistics.median(took) if took else None, here_now, lost


def _moved(
    known: list[list[Stay]], start: datetime, end: datetime
) -> dict[tuple[int, int], tuple[int, float, float]]:
    seen = [stay for journey in known for stay in journey if start <= stay.since < end]
    return dict(_told_moves(seen))


def _told_moves(seen: list[Stay]) -> Iterator[tuple[tuple[int, int], tuple[int, float, float]]]:
    for before, after in {(stay.stage, stay.after) for stay in seen if stay.after is not None}:
        took = [
            (stay.until - stay.since).total_seconds()
            for stay in seen
            if stay.stage is before and stay.after is after and stay.until is not None
        ]
        visits = sum(stay.stage is before for stay in seen)
        yield (before, after), (len(took), len(took) / visits, statistics.median(took))
