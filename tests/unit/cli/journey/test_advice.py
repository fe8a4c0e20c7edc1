"""What people read of next best actions and of what came of them."""

from __future__ import annotations

import shlex

from footfall.journey.v1 import actions_pb2 as a
from footfall.journey.v1 import funnel_pb2
from footfall.journey.v1 import journey_pb2 as j
from services.cli.journey import advice, moving
from tests.drawing import DAY, LATE, at, drawn


def recommendation(action: j.Action.ValueType, rank: int, outcomes: float = 0) -> a.Recommendation:
    effect = a.ExpectedEffect(mean=0.6, lower=0.3, upper=0.88, outcomes=outcomes)
    return a.Recommendation(
        action=action, rank=rank, priority=j.PRIORITY_HIGH, channel=j.CHANNEL_EMAIL,
        reason="Because.", evidence=[LATE.evidence], expected_effect=effect,
    )  # fmt: skip


def answer() -> a.GetNextBestActionResponse:
    return a.GetNextBestActionResponse(
        action=recommendation(j.ACTION_EMAIL_OUTREACH, 1),
        alternatives=[recommendation(j.ACTION_SCHEDULE_MEETING, 2, 12)],
        withheld=[
            a.WithheldAction(action=j.ACTION_SEND_VOICE_MESSAGE, until=at(-7),
                             reason=a.WITHHELD_REASON_COOLDOWN),
            a.WithheldAction(action=j.ACTION_OFFER_CREDIT_PACK, reason=a.WITHHELD_REASON_DISABLED),
        ],
        score=45, risk_level=j.RISK_LEVEL_HIGH, risks=[LATE], stage=j.STAGE_BILLING,
        as_of=at(0), expires_at=at(-1), decision_token="t-1",
        signals_available=True, signals_age_seconds=2.5 * DAY, signals_stale=True,
    )  # fmt: skip


def test_the_next_best_action_is_told_with_why_what_else_and_what_not() -> None:
    assert drawn(advice.advice(answer(), "nw-1")) == [
        "nw-1: billing, score 45 of 100, level high  as of 2026-03-09 12:00 UTC",
        "",
        "→ email outreach, high, by email",
        "  Because.",
        "  · 1 invoice overdue and not paid",
        "  taken up ······──────●─────·· 60% (30%…88%), the rules' guess",
        "",
        "else",
        "  schedule meeting, high, by email",
        "  Because.",
        "  · 1 invoice overdue and not paid",
        "  taken up ······──────●─────·· 60% (30%…88%), 12 outcomes behind it",
        "",
        "not now",
        "  send voice message: cooldown, until 2026-03-16 12:00 UTC",
        "  offer credit pack: disabled",
        "",
        "risks: late invoices",
        "signals 2 days old, older than is called fresh",
        "ordered by the rules; ask again at 2026-03-10 12:00 UTC",
    ]


def test_nothing_due_and_nothing_known_are_said() -> None:
    lines = drawn(advice.advice(a.GetNextBestActionResponse(stage=j.STAGE_LEAD), "nw-1"))
    assert lines[2] == "Nothing is due."
    assert "risks: none" in lines
    assert "no signals: nothing is known of how the client uses the product" in lines


def test_who_decided_about_the_order_is_said() -> None:
    told = answer()
    told.policy_version = 7
    assert "ordered by what was learnt, version 7; ask again" in drawn(advice.advice(told, "c"))[-1]
    told.policy_version, told.held_out = 0, True
    assert drawn(advice.advice(told, "c"))[-1] == (
        "ordered by the rules, held out to measure learning; ask again at 2026-03-10 12:00 UTC"
    )


def test_how_to_record_is_a_command_that_a_shell_reads_as_it_was_meant() -> None:
    told = answer()
    for client_id in ("nw-1", "a b; rm -rf ~", "it's $HOME", "--help"):
        words = shlex.split(advice.how_to_record(told, client_id))
        assert words[:3] == ["footfall", "journey", "outcome"]
        assert words[-4:] == ["--", client_id, "email_outreach", "accepted"]
        assert words[3:-4] == ["--token", "t-1"]
    assert advice.how_to_record(told, "nw\x1b[2J") == ""
    told.decision_token = ""
    assert advice.how_to_record(told, "nw-1") == ""


def test_an_interval_lies_on_a_line_from_0_to_1() -> None:
    assert advice.interval(0, 0, 1, 5).plain == "●────"
    assert advice.interval(1, 1, 1, 5).plain == "····●"
    assert advice.interval(0.5, 0.4, 0.6, 10).plain == "····─●─···"


def test_the_report_tells_shares_uplift_and_what_is_believed() -> None:
    def share(value: float, lower: float, upper: float, n: int) -> a.Estimate:
        return a.Estimate(value=value, lower=lower, upper=upper, n=n)

    numbers = a.ActionNumbers(
        action=j.ACTION_EMAIL_OUTREACH, outcomes=30, accepted=10, ignored=12, succeeded=6,
        failed=2, taken_up=share(0.53, 0.36, 0.7, 30),
    )  # fmt: skip
    uplift = a.Uplift(learnt=share(0.6, 0.5, 0.7, 90), held_out=share(0.4, 0.2, 0.6, 1),
                      difference=share(0.2, -0.05, 0.4, 91))  # fmt: skip
    check = a.OffPolicyCheck(rules=share(0.45, 0.3, 0.6, 91), logged=share(0.55, 0.5, 0.6, 91),
                             effective_n=34.2)  # fmt: skip
    effect = a.ExpectedEffect(mean=0.5, lower=0.3, upper=0.7, outcomes=20.5)
    told = a.GetActionReportResponse(
        actions=[numbers, a.ActionNumbers(action=j.ACTION_SCHEDULE_MEETING)], uplift=uplift,
        off_policy=check, held_out_share=0.052, learning=True, policy_version=7, as_of=at(0),
        learnt=[a.LearntAction(action=j.ACTION_EMAIL_OUTREACH, segment="smb", effect=effect)],
    )  # fmt: skip
    assert drawn(advice.report(told)) == [
        "action            accepted  succeeded  ignored  failed  taken up",
        "email outreach          10          6       12       2  ···──●──··   53% 36%…70%",
        "schedule meeting         0          0        0       0  -",
        "",
        "what learning adds",
        "with learning ··········──●──·····  60% 50%…70% 90 decisions",
        "held out      ····────●────·······  40% 20%…60% 1 decision",
        "learning adds +20.0% (-5.0%…+40.0%), which may be chance",
        "",
        "the rules alone, by inverse propensity",
        "as it was ··········─●─·······  55% 50%…60% 91 decisions",
        "the rules ······───●───·······  45% 30%…60% 91 decisions",
        "effectively 34 decisions",
        "",
        "believed of     segment                              outcomes",
        "email outreach  smb      ······────●────·····   50%      20.5",
        "",
        "it learns: version 7",
        "5.2% of clients held out; as of 2026-03-09 12:00 UTC",
    ]


def test_a_report_without_anything_says_what_is_missing() -> None:
    told = a.GetActionReportResponse(missing_outcomes=49, as_of=at(0))
    assert drawn(advice.report(told))[0] == "No outcome was recorded."
    assert "it does not learn yet: 49 more outcomes are needed" in drawn(advice.report(told))
    told.missing_outcomes = 0
    assert "it does not learn: the settings say so" in drawn(advice.report(told))


def test_a_funnel_is_full_for_who_went_on_and_light_for_who_did_not() -> None:
    first = funnel_pb2.FunnelStage(
        stage=j.STAGE_LEAD, entered=20, converted=10, conversion=0.5,
        median_seconds_to_convert=12 * DAY, here_now=3, lost=1,
    )  # fmt: skip
    last = funnel_pb2.FunnelStage(stage=j.STAGE_BILLING, entered=10, conversion=0)
    move = funnel_pb2.StageTransition(
        from_stage=j.STAGE_LEAD, to_stage=j.STAGE_BILLING, count=10, share=0.5,
        median_seconds=12 * DAY,
    )  # fmt: skip
    told = funnel_pb2.GetStageFunnelResponse(
        stages=[first, funnel_pb2.FunnelStage(stage=j.STAGE_ONBOARDING), last],
        transitions=[move], as_of=at(0),
    )  # fmt: skip
    assert drawn(moving.funnel(told)) == [
        "stage    came                                  went on    after  here  lost",
        "lead       20  ███████████████░░░░░░░░░░░░░░░      50%  12 days     3     1",
        "billing    10  ░░░░░░░░░░░░░░░                      0%        -     0     0",
        "",
        "the moves seen most often",
        "lead → billing 10 ███████████████ 50% of visits, after 12 days",
        "",
        "as of 2026-03-09 12:00 UTC; the time is not over yet",
    ]
    nobody = "No client came to any stage in this time."
    assert drawn(moving.funnel(funnel_pb2.GetStageFunnelResponse())) == [nobody]


def test_a_prediction_says_where_to_when_and_what_that_rests_on() -> None:
    told = funnel_pb2.PredictStageResponse(
        current_stage=j.STAGE_LEAD, stage_since=at(35), as_of=at(0), sample_visits=3,
        history_weight=0.3, insufficient_data=True, probability_within_horizon=0.6,
        next_stages=[funnel_pb2.NextStage(stage=j.STAGE_BILLING, probability=0.7, lower=0.4,
                                          upper=0.9, probability_within_horizon=0.5)],
        time_to_next=funnel_pb2.StageDuration(median_seconds=20 * DAY, lower_seconds=9 * DAY),
    )  # fmt: skip
    assert drawn(moving.prediction(told, "nw-1", 30)) == [
        "nw-1: in lead since 2026-02-02  as of 2026-03-09 12:00 UTC",
        "goes next to",
        "billing ········──────●────·  70% 40%…90%; 50% within 30 days",
        "moves within 30 days: 60%; a quarter of such clients within 9 days, half within 20 days",
        "too little to rely on: 30% of the answer rests on 3 visits of your own history",
    ]
    told.ClearField("time_to_next")
    assert "moves within 30 days: 60%; less than half ever do" in drawn(
        moving.prediction(told, "nw-1", 30)
    )
