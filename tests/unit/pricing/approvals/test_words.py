"""What the words of the database mean, and what is told of a request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import grpc
import pytest

from services.pricing.approvals.rules import records
from services.pricing.approvals.rules.approval import NO_NUMBER, Approval, State
from services.pricing.approvals.rules.refusals import UnknownWord, refusal, refusal_of_request
from shared.errors import FootfallError
from shared.rpc.status import code_of
from shared.schema import price_guard

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ORG, OTHER = UUID(int=1), UUID(int=2)
APPROVAL = Approval(
    approval_id=UUID(int=3), tier_id="pro", state=State.PENDING_REVIEW, revision=1, number=1,
    suggestion_id=None, rolls_back=None, requested_at=NOW, expires_at=NOW + timedelta(days=14),
    changed_at=NOW, content_hash=bytes(32), base_version=1, current_minor=1000, proposed_minor=900,
    currency="EUR", requested_effective_at=None, reason="why", evidence={}, risks=(),
    requested_by="ann", contributors=("ann",), verdicts=(), price_change_id=None,
)  # fmt: skip

ABORTED, FAILED = grpc.StatusCode.ABORTED, grpc.StatusCode.FAILED_PRECONDITION
OVER = {
    State.EXPIRED: "EXPIRED",
    State.STALE: "STALE_APPROVAL",
    State.WITHDRAWN: "FAILED_PRECONDITION",
}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("word", ["ETAG", "DECIDED"])
@pytest.mark.parametrize("decides", [True, False])
def test_who_comes_too_late_hears_what_became_of_it(
    state: State, word: str, *, decides: bool
) -> None:
    error = refusal(word, replace(APPROVAL, state=state), decides=decides)
    if state in OVER:
        assert (code_of(type(error)), error.reason) == (FAILED, OVER[state])
    else:
        assert code_of(type(error)) is (ABORTED if word == "ETAG" else FAILED)
        assert (state.name in error.message) == (decides and word == "DECIDED")


@pytest.mark.parametrize(
    ("function", "spoken"),
    [
        (price_guard.REQUEST, refusal_of_request),
        (price_guard.REQUEST, lambda word: refusal(word, APPROVAL)),
        (price_guard.DECIDE, lambda word: refusal(word, APPROVAL, decides=True)),
        (price_guard.WITHDRAW, lambda word: refusal(word, APPROVAL)),
    ],
)
def test_every_word_of_the_functions_has_its_meaning(
    function: str, spoken: Callable[[str], FootfallError]
) -> None:
    for word in _words(function):
        if word in {"OK", "EXISTS", "TIER"}:  # ids are new, and the tier is the request's own
            continue
        if word in {"ETAG", "DECIDED"}:
            assert code_of(type(refusal(word, APPROVAL))) in {ABORTED, FAILED}
            continue
        assert code_of(type(spoken(word))) is not grpc.StatusCode.INTERNAL


def test_a_word_that_nobody_knows_is_a_fault_of_ours() -> None:
    with pytest.raises(UnknownWord):
        refusal("PERHAPS", APPROVAL)


def test_an_etag_fits_one_state_of_one_request() -> None:
    etag = APPROVAL.etag(ORG)
    assert APPROVAL.number_of(ORG, etag) == 1
    others = (
        replace(APPROVAL, number=2),
        replace(APPROVAL, content_hash=bytes([1] * 32)),
        replace(APPROVAL, approval_id=UUID(int=4)),
    )
    assert all(one.number_of(ORG, etag) == NO_NUMBER for one in others)
    assert APPROVAL.number_of(OTHER, etag) == NO_NUMBER


def test_a_message_has_one_id_for_each_revision() -> None:
    first = records.message_id(APPROVAL)
    later = replace(APPROVAL, number=7, changed_at=NOW + timedelta(days=1))
    assert records.message_id(later) == first
    assert records.message_id(replace(APPROVAL, revision=2)) != first
    assert records.message_id(replace(APPROVAL, approval_id=UUID(int=4))) != first


def test_only_what_waits_for_a_decision_is_told() -> None:
    for state in State:
        left = records.record(replace(APPROVAL, state=state), {}, listened=True)
        assert (left.message_id is not None) == (state is State.PENDING_REVIEW)
    assert records.record(APPROVAL, {}, listened=False).message_id is None


def _words(function: str) -> set[str]:
    """What a function of the database can return."""
    parts = function.replace("CASE WHEN FOUND THEN 'EXISTS' ELSE 'NOT_FOUND' END", "'NOT_FOUND'")
    return {piece.split("'")[1] for piece in parts.split("RETURN ")[1:] if piece.startswith("'")}
