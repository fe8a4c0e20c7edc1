"""Pictures where there is little room: whole, or not there."""

from __future__ import annotations

import re

import pytest
from rich.console import RenderableType

from footfall.journey.v1 import actions_pb2 as a
from footfall.journey.v1 import clients_pb2, funnel_pb2
from footfall.journey.v1 import journey_pb2 as j
from services.cli.journey import advice, moving, views
from services.cli.terminal.sized import NARROW
from tests.drawing import DAY, LATE, at, drawn

DRAWN = re.compile("[█▏▎▍▌▋▊▉░·─●]+")
STAGES = (j.STAGE_QUALIFIED_LEAD, j.STAGE_UPSELL_CANDIDATE, j.STAGE_ACTIVE_PROJECT)
SHARE = a.Estimate(value=0.53, lower=0.36, upper=0.7, n=12345)
STANDINGS = [
    clients_pb2.ClientStanding(
        client_id=f"nw-{number}", name="Northwind Traders", stage=stage, stage_since=at(5),
        score=99.5, risk_level=j.RISK_LEVEL_CRITICAL, risks=[LATE], as_of=at(0),
    )
    for number, stage in enumerate(STAGES)
]  # fmt: skip
FUNNEL = funnel_pb2.GetStageFunnelResponse(
    stages=[
        funnel_pb2.FunnelStage(stage=one, entered=20_000, converted=10_000, conversion=0.5,
                               median_seconds_to_convert=12 * DAY, here_now=3_000, lost=1_000)
        for one in STAGES
    ],
    transitions=[
        funnel_pb2.StageTransition(from_stage=one, to_stage=j.STAGE_UPSELL_CANDIDATE, count=10_000,
                                   share=0.5, median_seconds=12 * DAY) for one in STAGES
    ],
    as_of=at(0),
)  # fmt: skip
PREDICTION = funnel_pb2.PredictStageResponse(
    current_stage=j.STAGE_LEAD, stage_since=at(35), as_of=at(0),
    next_stages=[funnel_pb2.NextStage(stage=one, probability=0.7, lower=0.4, upper=0.9)
                 for one in STAGES],
)  # fmt: skip
EFFECT = a.ExpectedEffect(mean=0.5, lower=0.3, upper=0.7, outcomes=20.5)
REPORT = a.GetActionReportResponse(
    actions=[a.ActionNumbers(action=j.ACTION_OFFER_CREDIT_PACK, accepted=1000, taken_up=SHARE)] * 2,
    uplift=a.Uplift(learnt=SHARE, held_out=SHARE, difference=SHARE), as_of=at(0),
    learnt=[a.LearntAction(action=j.ACTION_OFFER_CREDIT_PACK, effect=EFFECT)],
)  # fmt: skip
PICTURES = {
    "standings": (views.standings(STANDINGS, ""), 3),
    "funnel": (moving.funnel(FUNNEL), 6),
    "prediction": (moving.prediction(PREDICTION, "nw-1", 30), 3),
    "report": (advice.report(REPORT), 5),
}


@pytest.mark.parametrize("width", [40, 60, NARROW, 80, 100])
@pytest.mark.parametrize("name", PICTURES)
def test_no_bar_is_broken_and_where_there_is_no_room_there_is_none(name: str, width: int) -> None:
    picture, bars = PICTURES[name]
    found = [bar for line in drawn(picture, width) for bar in DRAWN.findall(line)]
    if width < NARROW:
        assert found == []
    elif width >= 100:
        assert len(found) == bars
    else:
        assert len(found) in {bars, bars - 3}, "one per line; the moves may have no room"


@pytest.mark.parametrize(("picture", "words"), [
    (PICTURES["standings"][0], ["nw-1", "critical", "score 99.5", "late invoices"]),
    (PICTURES["funnel"][0], ["20,000", "50%", "3,000", "1,000", "candidate", "qualified"]),
    (PICTURES["prediction"][0], ["upsell candidate", "70%"]),
    (PICTURES["report"][0], ["1,000 accepted", "53% 36%…70%", "offer credit pack"]),
])  # fmt: skip
def test_numbers_and_words_are_whole_in_40_columns(
    picture: RenderableType, words: list[str]
) -> None:
    text = "\n".join(drawn(picture, 40))
    assert [word for word in words if word not in re.sub(r"\s+", " ", text)] == []
