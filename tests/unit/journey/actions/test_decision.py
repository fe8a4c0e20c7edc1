"""What a decision token says comes back as it went, and is short however long the ids are."""

from __future__ import annotations

from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.journey.actions.rules.decision import (
    PURPOSE,
    Arm,
    Decision,
    Recommended,
    UnknownForm,
    decision_id,
    packed,
    unpacked,
)
from services.journey.journeys.rules.vocabulary import SECOND, Action
from shared.rpc.page_token import PageTokens

ORG, CLIENT, AT = UUID(int=7), "client-7", 1_795_262_400_000_000
_TEXT = st.characters(codec="utf-8", exclude_characters="\0")
_MOMENTS = st.integers(min_value=0, max_value=1 << 62)

DECISIONS = st.builds(
    Decision,
    decision_id=st.uuids(),
    client_id=st.text(_TEXT, min_size=1, max_size=128),
    segment=st.text(_TEXT, max_size=64),
    made_at=_MOMENTS,
    expires_at=_MOMENTS,
    settings_version=st.integers(min_value=0, max_value=(1 << 31) - 1),
    policy_version=st.integers(min_value=0, max_value=(1 << 63) - 1),
    seed=st.integers(min_value=0, max_value=(1 << 64) - 1),
    arm=st.sampled_from(Arm),
    rules_action=st.sampled_from(Action),
    recommended=st.lists(
        st.builds(
            Recommended, st.sampled_from(Action), st.floats(min_value=0, max_value=1)
        ),
        min_size=1,
        max_size=len(Action),
        unique_by=lambda one: one.action,
    ).map(tuple),
)  # fmt: skip


@given(DECISIONS)
def test_a_decision_comes_back_as_it_went(decision: Decision) -> None:
    assert unpacked(packed(decision)) == decision


def test_the_longest_token_has_at_most_1500_characters() -> None:
    longest = Decision(
        decision_id=uuid4(),
        client_id="\N{ROCKET}" * 128,
        segment="\N{ROCKET}" * 64,
        made_at=AT,
        expires_at=AT,
        settings_version=1,
        policy_version=1,
        seed=1,
        arm=Arm.LEARNT,
        rules_action=Action.EMAIL_OUTREACH,
        recommended=[Recommended(action, 1 / 6) for action in Action],
    )
    assert len(PageTokens(b"k" * 32).seal_for(PURPOSE, ORG, packed(longest))) <= 1500


@pytest.mark.parametrize("payload", [b"", b"\0", b"\2" + bytes(100)])
def test_another_form_is_not_guessed_at(payload: bytes) -> None:
    with pytest.raises(UnknownForm):
        unpacked(payload)


def test_the_same_question_within_a_second_is_the_same_decision() -> None:
    first = decision_id(ORG, CLIENT, AT, 1, 2)
    assert decision_id(ORG, CLIENT, AT + SECOND - 1, 1, 2) == first
    others = {
        decision_id(UUID(int=8), CLIENT, AT, 1, 2),
        decision_id(ORG, "client-8", AT, 1, 2),
        decision_id(ORG, CLIENT, AT + SECOND, 1, 2),
        decision_id(ORG, CLIENT, AT, 2, 2),
        decision_id(ORG, CLIENT, AT, 1, 3),
    }
    assert len(others | {first}) == 6
