"""What the demo of pricing draws of answers."""

from __future__ import annotations

from footfall.audit.v1.audit_pb2 import VerifyAuditLogResponse
from footfall.pricing.v1.evidence_pb2 import Elasticity
from footfall_client.retry import Failure
from services.cli.demo import pricing_play, shop
from services.cli.demo.consent import Refused
from tests.drawing import drawn


def test_the_truth_stands_beside_the_estimate_whether_it_was_found_or_not() -> None:
    found = {
        one.tier_id: Elasticity(tier_id=one.tier_id, mean=-1.0, lower=-1.3, upper=-0.7)
        for one in shop.TIERS
    }
    rows = [line.split() for line in drawn(pricing_play.beside_the_truth(found))]
    assert [(row[0], row[1], row[6]) for row in rows[1:]] == [
        ("starter", "-1.60", "no"),
        ("pro", "-0.60", "no"),
        ("team", "-1.10", "yes"),
    ]


def test_refusals_and_the_log_are_told() -> None:
    refused = Refused("ann", Failure("PERMISSION_DENIED", "SELF_APPROVAL", "No.", retryable=False))
    assert drawn(pricing_play.refusals([refused]))[1].split() == [
        "ann", "PERMISSION_DENIED", "SELF_APPROVAL",
    ]  # fmt: skip
    (whole,) = drawn(pricing_play.verified(VerifyAuditLogResponse(valid=True, entries=1273)))
    assert whole.startswith("the log is whole: 1,273 entries")
    broken = VerifyAuditLogResponse(first_bad_entry=7, problem="It was changed.")
    assert drawn(pricing_play.verified(broken)) == ["entry 7: It was changed."]
