"""The ranking learns: through the real service and its worker."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count, islice

import pytest
import pytest_asyncio

from footfall.journey.v1 import actions_pb2 as pb
from footfall.journey.v1 import settings_pb2
from services.journey.actions.rules.decision import Arm
from services.journey.journeys.rules.settings import Learning
from services.journey.journeys.rules.vocabulary import Action
from services.journey.learning.rules.estimates import wilson
from services.journey.learning.rules.policy import Policy, held_out, ranked, seed_of
from services.journey.learning.rules.stored import from_beliefs
from tests.cataloguing import update
from tests.journeying import Journey, Traveller, running_journey, running_journey_worker
from tests.learning import (
    ACCEPTED,
    EMAIL,
    FAILED,
    IGNORED,
    PACK,
    PERSON,
    SUCCEEDED,
    VOICE,
    advised,
    ago,
    decision_of,
    order,
    record,
    report,
    reported,
    worried,
)
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase, Template
from tests.travels import HIGH, UPSELL_CANDIDATE, make, track, troubles
from tests.unit.journey.learning.learner import called

NIGHT = 0.01
"""What outcomes lose of their weight, and more, when midnight passes during a test."""


@pytest.fixture(scope="module")
def shared_database(template: Template) -> Iterator[MigratedDatabase]:
    """Of these tests alone: others do without a worker."""
    with template.clone() as database:
        yield database


@pytest.fixture(scope="module")
def journey(shared_database: MigratedDatabase) -> Iterator[Journey]:
    with running_journey(shared_database) as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def worker(shared_database: MigratedDatabase) -> AsyncIterator[None]:
    async with running_journey_worker(shared_database):
        yield


pytestmark = pytest.mark.usefixtures("worker")


@pytest.fixture
def owner(journey: Journey, acme: Organisation) -> Traveller:
    return journey.traveller(acme, "olga")


def names(organisation: Organisation, *, apart: bool, wanted: int) -> list[str]:
    """Clients of whom it is certain whether they are held out at 5 %."""
    all_of_them = (f"client-{number}" for number in count())
    kind = (one for one in all_of_them if held_out(organisation.org_id, one, 5) is apart)
    return list(islice(kind, wanted))


def taught(
    caller: Traveller,
    email: tuple[int, int] = (1, 29),
    voice: tuple[int, int] = (32, 2),
    segment: str = "",
) -> pb.GetActionReportResponse:
    """Outcomes that were taken up and that were not, of clients of no further interest."""
    make(caller, f"pupil-{segment}", segment=segment)
    before = report(caller)
    for action, (taken, left) in ((EMAIL, email), (VOICE, voice)):
        for number in range(taken):
            record(caller, f"pupil-{segment}", action, (ACCEPTED, SUCCEEDED)[number % 2])
        for number in range(left):
            record(caller, f"pupil-{segment}", action, (IGNORED, FAILED)[number % 2])
    return learnt(caller, behind(before) + sum(email) + sum(voice))


def learnt(caller: Traveller, outcomes: float) -> pb.GetActionReportResponse:
    """The report once the policy knows of so many outcomes."""
    return reported(caller, lambda one: behind(one) >= outcomes * (1 - NIGHT))


def behind(found: pb.GetActionReportResponse) -> float:
    """Outcomes behind the policy, all segments together."""
    return sum(one.effect.outcomes for one in found.learnt if not one.segment)


def test_the_ranking_follows_what_is_taken_up(acme: Organisation, caller: Traveller) -> None:
    """Sixty outcomes and a few speak for the second action: all but the held-out get it first."""
    learners, apart = names(acme, apart=False, wanted=6), names(acme, apart=True, wanted=3)
    worried(caller, *learners, *apart)
    for client_id in (*learners, *apart):
        before = advised(caller, client_id)
        assert (order(before), before.policy_version) == ([EMAIL, VOICE], 0)
        assert [before.action.propensity, before.alternatives[0].propensity] == [1, 0]
        assert before.held_out is (client_id in apart)
    after = taught(caller)
    assert (after.learning, after.missing_outcomes) == (True, 0)
    for client_id in learners:
        answer = advised(caller, client_id)
        assert order(answer) == [VOICE, EMAIL]
        assert answer.policy_version == after.policy_version
        assert answer.action.propensity > 0.999
        assert not answer.held_out
        assert advised(caller, client_id).decision_token
    for client_id in apart:
        answer = advised(caller, client_id)
        assert (order(answer), answer.policy_version) == ([EMAIL, VOICE], 0)
        assert [answer.action.propensity, answer.alternatives[0].propensity] == [1, 0]
        assert answer.held_out
        assert decision_of(acme, answer.decision_token).arm is Arm.HELD_OUT


def test_what_is_expected_is_told(caller: Traveller) -> None:
    """The rules' guess is worth ten outcomes: (5 + 1) of (10 + 30), and (4 + 32) of (10 + 34)."""
    worried(caller, "c1")
    guess = effects(advised(caller, "c1"))
    assert guess[EMAIL].mean == pytest.approx(0.5)
    assert guess[VOICE].mean == pytest.approx(0.4)
    assert guess[EMAIL].outcomes == guess[VOICE].outcomes == 0
    told = {one.action: one.effect for one in taught(caller).learnt}
    found = effects(advised(caller, "c1"))
    assert found[EMAIL].mean == pytest.approx(6 / 40, abs=NIGHT)
    assert found[VOICE].mean == pytest.approx(36 / 44, abs=NIGHT)
    assert [found[one].outcomes for one in (EMAIL, VOICE)] == pytest.approx([30, 34], rel=NIGHT)
    for effect in found.values():
        assert effect.lower < effect.mean < effect.upper
    assert told[EMAIL].mean == pytest.approx(found[EMAIL].mean, abs=NIGHT)
    first_by_rules = 37 / 44
    assert told[VOICE].mean == pytest.approx(first_by_rules, abs=NIGHT)


def effects(answer: pb.GetNextBestActionResponse) -> dict[int, pb.ExpectedEffect]:
    return {one.action: one.expected_effect for one in (answer.action, *answer.alternatives)}


def test_a_decision_can_be_made_again_from_what_is_kept(
    acme: Organisation, caller: Traveller
) -> None:
    """Token and policy say the ranking and the propensities, without asking anybody."""
    taught(caller, (12, 18), (14, 16))
    clients = names(acme, apart=False, wanted=40)
    worried(caller, *clients)
    rules = called(Action.EMAIL_OUTREACH, Action.SEND_VOICE_MESSAGE)
    seen = set()
    for client_id in clients:
        answer = advised(caller, client_id)
        decision = decision_of(acme, answer.decision_token)
        policy = kept_policy(acme, decision.policy_version)
        day = datetime.fromtimestamp(decision.made_at / 1e6, UTC).date()
        assert decision.seed == seed_of(acme.org_id, client_id, policy.version, day)
        again = ranked(rules, policy, Learning(), decision.segment, decision.seed)
        told = [(one.action, one.propensity) for one in decision.recommended]
        assert told == [(one.called.action, one.propensity) for one in again]
        assert order(answer) == [one.action.value for one in decision.recommended]
        seen.add(tuple(order(answer)))
    assert len(seen) == 2, "both orders are tried while it is open which is better"


def kept_policy(organisation: Organisation, version: int) -> Policy:
    query = (
        "SELECT outcomes, beliefs FROM app.action_policies"
        " WHERE org_id = %s AND policy_version = %s"
    )
    ((outcomes, beliefs),) = organisation.database.execute(query, organisation.org_id, version)
    return Policy(version, outcomes, from_beliefs(beliefs))


def test_nothing_is_learnt_before_there_are_outcomes_enough(
    acme: Organisation, caller: Traveller
) -> None:
    (client_id,) = names(acme, apart=False, wanted=1)
    worried(caller, client_id)
    found = taught(caller, (0, 19), (30, 0))
    assert (found.learning, found.missing_outcomes) == (False, 1)
    answer = advised(caller, client_id)
    assert (order(answer), answer.policy_version) == ([EMAIL, VOICE], 0)
    assert decision_of(acme, answer.decision_token).arm is Arm.RULES
    record(caller, "pupil-", VOICE, ACCEPTED)
    assert reported(caller, lambda one: one.learning).missing_outcomes == 0
    assert order(advised(caller, client_id)) == [VOICE, EMAIL]


def test_learning_can_be_switched_off(
    acme: Organisation, owner: Traveller, caller: Traveller
) -> None:
    (client_id,) = names(acme, apart=False, wanted=1)
    worried(caller, client_id)
    taught(caller)
    assert order(advised(caller, client_id)) == [VOICE, EMAIL]
    update(owner, learning=settings_pb2.LearningSettings(enabled=False))
    answer = advised(caller, client_id)
    assert (order(answer), answer.policy_version) == ([EMAIL, VOICE], 0)
    assert not report(caller).learning
    update(owner, learning=settings_pb2.LearningSettings(enabled=True))
    assert order(advised(caller, client_id)) == [VOICE, EMAIL]


def test_what_is_learnt_does_not_lead_past_a_tier(acme: Organisation, caller: Traveller) -> None:
    """At HIGH what risks call for keeps its order, before what the stage calls for."""
    (client_id,) = names(acme, apart=False, wanted=1)
    make(caller, client_id)
    track(caller, *troubles(client_id, 3, UPSELL_CANDIDATE))
    taught(caller)
    for _ in range(30):
        record(caller, "pupil-", PACK, ACCEPTED)
        record(caller, "pupil-", PERSON, IGNORED)
    learnt(caller, 64 + 60)
    answer = advised(caller, client_id)
    assert answer.risk_level == HIGH
    assert order(answer) == [PERSON, EMAIL, VOICE, PACK]
    assert answer.alternatives[-1].expected_effect.mean > 0.8
    shares = [one.propensity for one in (answer.action, *answer.alternatives)]
    assert shares == [1, 0, 0, 0]


def test_a_segment_learns_for_itself_and_others_from_it_little(
    acme: Organisation, caller: Traveller
) -> None:
    """In `pro` e-mail works; elsewhere the voice message does."""
    pro, other = names(acme, apart=False, wanted=2)
    worried(caller, pro, segment="pro")
    worried(caller, other, segment="free")
    taught(caller, (60, 2), (2, 60), segment="pro")
    found = taught(caller, (2, 80), (60, 2), segment="free")
    assert order(advised(caller, pro)) == [EMAIL, VOICE]
    assert order(advised(caller, other)) == [VOICE, EMAIL]
    told = {(one.segment, one.action): one.effect.mean for one in found.learnt}
    assert told["pro", EMAIL] > 0.7
    assert told["free", EMAIL] < told["", EMAIL] < 0.5


def test_a_replaced_outcome_is_learnt_anew(caller: Traveller) -> None:
    worried(caller, "c1")
    token = advised(caller, "c1").decision_token

    def believed(mean: float) -> None:
        near = pytest.approx([mean], abs=NIGHT)
        reported(caller, lambda one: [each.effect.mean for each in one.learnt] == near)

    record(caller, "c1", EMAIL, IGNORED, token)
    believed(5 / 11)
    record(caller, "c1", EMAIL, ACCEPTED, token)
    believed(6 / 11)


def test_outcomes_of_long_ago_count_in_part(caller: Traveller) -> None:
    make(caller, "c1")
    record(caller, "c1", EMAIL, ACCEPTED, occurred_at=ago(89.9))
    found = reported(caller, lambda one: len(one.learnt) == 1)
    assert found.learnt[0].effect.outcomes == pytest.approx(0.5, abs=NIGHT)
    assert found.missing_outcomes == 49


def test_the_same_question_gets_the_same_answer_all_day(
    acme: Organisation, caller: Traveller
) -> None:
    taught(caller, (12, 18), (14, 16))
    clients = names(acme, apart=False, wanted=5)
    worried(caller, *clients)
    for client_id in clients:
        once, again = (advised(caller, client_id) for _ in range(2))
        midnight = again.as_of.seconds // 86_400 > once.as_of.seconds // 86_400
        assert midnight or order(again) == order(once)


def test_the_report_says_what_learning_adds(acme: Organisation, caller: Traveller) -> None:
    """From tokens alone: what those served by it took up, and the held-out."""
    taught(caller, (12, 18), (14, 16))
    learners, apart = names(acme, apart=False, wanted=36), names(acme, apart=True, wanted=4)
    worried(caller, *learners, *apart)
    answers = {one: advised(caller, one) for one in (*learners, *apart)}
    assert report(caller).HasField("uplift") is False
    assert report(caller).HasField("off_policy") is False
    for place, client_id in enumerate((*learners, *apart)):
        best = answers[client_id].action.action
        good = ACCEPTED if best == VOICE or place % 4 == 0 else IGNORED
        record(caller, client_id, best, good, answers[client_id].decision_token)
    _check_uplift(report(caller), learners, answers)
    _check_off_policy(acme, report(caller), learners, answers)
    assert report(caller).held_out_share == pytest.approx(0.1)


def _check_uplift(
    found: pb.GetActionReportResponse,
    learners: list[str],
    answers: dict[str, pb.GetNextBestActionResponse],
) -> None:
    firsts = Counter(answers[one].action.action for one in learners)
    assert set(firsts) == {EMAIL, VOICE}, "both are tried while it is open which is better"
    taken = sum(
        answers[one].action.action == VOICE or place % 4 == 0 for place, one in enumerate(learners)
    )
    uplift = found.uplift
    assert (uplift.learnt.n, uplift.held_out.n) == (36, 4)
    assert uplift.learnt.value == pytest.approx(taken / 36)
    assert (uplift.learnt.lower, uplift.learnt.upper) == pytest.approx(wilson(taken, 36))
    assert uplift.held_out.value == 0.25
    assert uplift.difference.value == pytest.approx(taken / 36 - 0.25)
    assert uplift.conclusive is (uplift.difference.lower > 0)


def _check_off_policy(
    organisation: Organisation,
    found: pb.GetActionReportResponse,
    learners: list[str],
    answers: dict[str, pb.GetNextBestActionResponse],
) -> None:
    """By hand, from what each token says."""
    weight = squares = taken = 0.0
    for place, client_id in enumerate(learners):
        best = decision_of(organisation, answers[client_id].decision_token).recommended[0]
        if best.action is Action.EMAIL_OUTREACH:
            weight += 1 / best.propensity
            squares += 1 / best.propensity**2
            taken += (place % 4 == 0) / best.propensity
    check = found.off_policy
    assert check.rules.value == pytest.approx(taken / weight)
    assert check.effective_n == pytest.approx(weight**2 / squares)
    assert (check.rules.n, check.logged.n) == (36, 36)
    assert check.logged.value == found.uplift.learnt.value
    assert check.rules.lower < check.rules.value < check.rules.upper


def test_versions_are_kept_while_their_decisions_may_be_told_of(
    acme: Organisation, caller: Traveller
) -> None:
    """The one that was in force a hundred days ago, and all since."""
    make(caller, "c1")
    for version, days in ((1, 300), (2, 101), (3, 99)):
        acme.database.execute(
            "INSERT INTO app.action_policies (org_id, policy_version, outcomes, beliefs, made_at)"
            " VALUES (%s, %s, 1, '{}', %s)",
            acme.org_id,
            version,
            datetime.now(UTC) - timedelta(days=days),
        )
    record(caller, "c1", EMAIL, ACCEPTED)
    reported(caller, lambda one: one.policy_version == 4)
    kept = acme.database.execute(
        "SELECT policy_version FROM app.action_policies WHERE org_id = %s ORDER BY 1", acme.org_id
    )
    assert [version for (version,) in kept] == [2, 3, 4]


def test_another_organisation_learns_nothing_of_it(
    journey: Journey, globex: Organisation, caller: Traveller
) -> None:
    taught(caller)
    stranger = journey.traveller(globex)
    (client_id,) = names(globex, apart=False, wanted=1)
    worried(stranger, client_id)
    assert order(advised(stranger, client_id)) == [EMAIL, VOICE]
    found = report(stranger)
    assert not found.actions
    assert not found.learnt
    assert (found.policy_version, found.missing_outcomes) == (0, 50)
