"""BacktestDetectors over a socket, on history that came in as events."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from footfall.insights.v1 import backtest_pb2 as pb
from footfall.insights.v1 import settings_pb2
from tests.detecting import CHURN, NOON, events, generate, send
from tests.ingesting import Caller, refusal
from tests.insighting import Asker, Insight
from tests.organisations import Organisation

OLDEST, NEWEST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=UTC)

FIRST = 140
"""Days before NOON on which the history begins; runs are seven days apart from day 14 on."""


@pytest.fixture
def known(backend: Caller, asker: Asker, folding: None) -> None:
    """Mia, who is the client's only user, leaves on day 42; milo takes a week off then."""
    del folding
    there = [day for day in range(FIRST + 1) if day < 42]
    back = [day for day in range(FIRST + 1) if day >= 49]
    for day in there:
        send(backend, events(10, FIRST - day, "page_view"))
    for day in there + back:
        send(backend, events(10, FIRST - day, "page_view", user_id="milo", client_id=""))
    generate(asker)  # waits until all is folded


def backtest(asker: Asker, **request: Any) -> list[pb.BacktestDetectorsResponse]:
    return list(asker.call("BacktestDetectors", pb.BacktestDetectorsRequest(**request)))


def churn(answers: list[pb.BacktestDetectorsResponse]) -> pb.DetectorReport:
    (found,) = [one for one in answers[-1].reports if one.insight_type == CHURN]
    return found


@pytest.mark.usefixtures("known")
def test_the_score_is_that_of_the_history(asker: Asker) -> None:
    answers = backtest(asker)
    last = answers[-1]
    assert [one.insight_type for one in last.reports] == [1, 2, 3, 4, 5, 6, 7]
    assert (last.subjects, last.runs) == (4, 19)  # the organisation, mia, milo, the client
    found = churn(answers)
    assert (found.alerts, found.judged, found.true_alerts) == (4, 4, 2)
    assert (found.outcomes, found.foreseen) == (2, 2)  # mia and the client are gone
    assert (found.precision, found.recall, found.lead_days) == (0.5, 1.0, 21)
    assert 0 < found.precision_low < 0.5 < found.precision_high < 1
    assert 0 < found.recall_low < found.recall_high == 1
    assert found.brier_score == pytest.approx(0.5)
    assert found.outcome == "28 silent days in a row, which begin within 28 days of the warning"

    shares = [one.progress for one in answers]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, 1)
    assert not any(one.reports for one in answers[:-1])

    careful = settings_pb2.DetectorSettings(min_previous_events=1000, silence_min_events=10_000)
    assert churn(backtest(asker, settings=careful)).alerts == 0

    late = pb.BacktestDetectorsRequest()
    late.interval.start_time.FromDatetime(NOON - timedelta(days=FIRST - 84))
    answers = list(asker.call("BacktestDetectors", late))
    assert (churn(answers).alerts, answers[-1].runs) == (0, 9)

    early = pb.BacktestDetectorsRequest(step_days=1)
    early.interval.end_time.FromDatetime(NOON - timedelta(days=FIRST - 50))
    answers = list(asker.call("BacktestDetectors", early))
    assert (churn(answers).alerts, churn(answers).judged, answers[-1].runs) == (4, 0, 37)
    assert not churn(answers).HasField("precision")


def test_without_history_there_is_nothing_to_judge(asker: Asker) -> None:
    last = backtest(asker)[-1]
    assert (last.progress, last.subjects, len(last.reports)) == (1, 1, 7)
    for report in last.reports:
        assert report.alerts == report.outcomes == 0
        assert not report.HasField("precision")
        assert not report.HasField("recall")


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles"])
@pytest.mark.parametrize("bound", ["start_time", "end_time"])
@pytest.mark.parametrize("moment", [OLDEST, NEWEST])
def test_the_ends_of_the_calendar_are_no_trouble(
    acme: Organisation, insight: Insight, zone: str, bound: str, moment: datetime
) -> None:
    acme.set("time_zone", zone)
    request = pb.BacktestDetectorsRequest()
    getattr(request.interval, bound).FromDatetime(moment)
    answers = list(insight.asker(acme).call("BacktestDetectors", request))
    assert len(answers[-1].reports) == 7


@pytest.mark.parametrize(
    ("field", "request_fields"),
    [
        ("step_days", {"step_days": 31}),
        ("step_days", {"step_days": -1}),
        ("settings.churn_ratio", {"settings": {"churn_ratio": 0.7}}),
        ("settings.stuck_count", {"settings": {"stuck_count": -1}}),
    ],
)
def test_what_makes_no_sense_is_refused(
    asker: Asker, field: str, request_fields: dict[str, Any]
) -> None:
    with pytest.raises(grpc.RpcError) as failure:
        backtest(asker, **request_fields)
    found = refusal(failure.value)
    assert found.code is grpc.StatusCode.INVALID_ARGUMENT
    assert list(found.violations) == [field]


def test_an_interval_that_ends_before_it_begins_is_refused(asker: Asker) -> None:
    request, now = pb.BacktestDetectorsRequest(), datetime.now(UTC)
    request.interval.start_time.FromDatetime(now)
    request.interval.end_time.FromDatetime(now - timedelta(days=1))
    with pytest.raises(grpc.RpcError) as failure:
        list(asker.call("BacktestDetectors", request))
    found = refusal(failure.value)
    assert found.code is grpc.StatusCode.INVALID_ARGUMENT
    assert list(found.violations) == ["interval.end_time"]


def test_members_may_not_ask(insight: Insight, acme: Organisation) -> None:
    with pytest.raises(grpc.RpcError) as failure:
        backtest(insight.asker(acme, "mia"))
    assert refusal(failure.value).code is grpc.StatusCode.PERMISSION_DENIED
