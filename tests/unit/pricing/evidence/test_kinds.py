"""Kinds of revenue, held against the contract that numbers them."""

from __future__ import annotations

from footfall.events.v1.event_pb2 import RevenueKind
from services.event_ingest.event_types.rules import BUILT_IN
from services.pricing.evidence.rules import kinds

NAMES: dict[int, str] = {number: name for name, number in RevenueKind.items()}


def names(numbers: tuple[int, ...]) -> list[str]:
    return [NAMES[one].removeprefix("REVENUE_KIND_") for one in numbers]


def test_they_are_those_of_the_contract() -> None:
    assert names(kinds.SOLD) == [
        "UNSPECIFIED", "PURCHASE", "SUBSCRIPTION", "RENEWAL", "EXPANSION",
    ]  # fmt: skip
    assert names(kinds.RENEWED) == ["RENEWAL", "EXPANSION"]
    assert names(kinds.WITHOUT_MONEY) == ["CONTRACTION", "CANCELLATION"]
    assert names((kinds.REFUND,)) == ["REFUND"]


def test_each_kind_is_one_or_the_other() -> None:
    """A kind that the contract gains must be decided on."""
    told = (*kinds.SOLD, *kinds.WITHOUT_MONEY, kinds.REFUND)
    assert sorted(told) == sorted(RevenueKind.values())


def test_the_type_is_that_of_event_ingest() -> None:
    assert BUILT_IN["revenue"].type_id == kinds.REVENUE
