"""`footfall pricing` as people and scripts use it, on a real pricing service."""

from __future__ import annotations

import pytest

from tests.bargaining import Pricing
from tests.commanding import PricingCommands, ago
from tests.organisations import Organisation


def test_a_tier_is_made_shown_and_changed_but_for_its_price(ann: PricingCommands) -> None:
    made = ann.tier("pro", "--name", "Pro", "--cost", "7.50", "--value-metric", "seats:4-6.50:10")
    assert made["price"] == {"currency_code": "EUR", "units": "49", "nanos": 0}
    assert made["billing_period"] == "BILLING_PERIOD_MONTH"
    said = ann.people("pricing", "tiers", "set", "pro", "--floor", "30 EUR", "--retired")
    for line in ("Pro (pro)", "49.00 EUR a month", "7.50 EUR", "30.00 EUR", "nobody new"):
        assert line in said
    assert "4.00 to 6.50 EUR for each of seats, of which a usual client has 10" in said
    assert "the first" in ann.people("pricing", "tiers", "show", "pro")
    dearer = ann.refusal("pricing", "tiers", "set", "pro", "--price", "59 EUR")
    assert "PRICE_NEEDS_APPROVAL" in dearer


def test_tiers_are_listed_and_retired_ones_when_asked_for(ann: PricingCommands) -> None:
    assert ann.people("pricing", "tiers", "list") == "There are no such tiers."
    ann.tier("old", "--retired", price="1249 JPY")
    ann.tier("new", "--period", "year")
    listed = ann.people("pricing", "tiers", "list")
    assert "49.00 EUR" in listed
    assert "a year" in listed
    assert "old" not in listed
    assert "1,249 JPY" in ann.people("pricing", "tiers", "list", "--with-retired")
    assert [one["tier_id"] for one in ann.json("pricing", "tiers", "list")["tiers"]] == ["new"]
    assert "raise --limit" in ann.people(
        "pricing", "tiers", "list", "--with-retired", "--limit", "1"
    )


@pytest.mark.parametrize(
    ("price", "told"),
    [
        ("NaN", "is no amount"),
        ("inf", "is no amount"),
        ("1e400", "is no amount"),
        ("-1", "less than nothing"),
        ("0.005 EUR", "EUR has 2 decimals"),
        ("10000000000 EUR", "more than 9,999,999,999.99 EUR"),
        ("1 QQQ", "no ISO 4217 code"),
        ("1", "Of which currency"),
    ],
)
def test_50_what_is_no_amount_is_refused_before_it_is_sent(
    ann: PricingCommands, price: str, told: str
) -> None:
    assert told in ann.refusal("pricing", "tiers", "set", "pro", "--price", price)
    assert ann.json("pricing", "tiers", "list")["tiers"] == []


def test_a_subscription_begins_and_ends(ann: PricingCommands) -> None:
    ann.tier()
    who = ("pricing", "subscriptions", "set", "s-1", "--client", "nw-1", "--tier", "pro")
    assert "49.00 EUR" in ann.people(*who, "--since", ago(40))
    (kept,) = ann.json("pricing", "subscriptions", "list")["subscriptions"]
    ended = ann.json(*who, "--until", ago(1))["subscription"]
    assert ended["started_at"] == kept["started_at"], "what is not said stays"
    assert ended["ended_at"]
    assert ann.people("pricing", "subscriptions", "list").startswith("There are no such")
    listed = ann.json("pricing", "subscriptions", "list", "--with-ended", "--client", "nw-1")
    assert [one["subscription_id"] for one in listed["subscriptions"]] == ["s-1"]


def test_what_competitors_ask_is_kept_with_day_and_source(ann: PricingCommands) -> None:
    ann.tier()
    for price, days in (("45", 30), ("47.5", 2)):
        ann.json(
            "pricing", "competitors", "record", "pro", "Rival", "--price", price,
            "--offer", "Team", "--source", "https://rival.example", "--at", ago(days),
        )  # fmt: skip
    assert len(ann.json("pricing", "competitors", "list")["competitor_prices"]) == 2
    newest = ann.people("pricing", "competitors", "list", "--tier", "pro", "--newest")
    assert "47.50 EUR" in newest
    assert "45.00 EUR" not in newest


def test_guard_rails_are_shown_and_changed_by_admins(
    ann: PricingCommands, pricing_service: Pricing, shop: Organisation
) -> None:
    assert "the defaults" in ann.people("pricing", "settings", "show")
    changed = ann.people("pricing", "settings", "set", "max_step_percent=15", "rounding=1.00 EUR")
    assert "1, by ann on" in changed
    assert "1.00 EUR" in changed
    assert "Did you mean" in ann.refusal("pricing", "settings", "set", "max_stp_percent=15")
    robot = PricingCommands(pricing_service, pricing_service.seller(shop).bearer)
    refused = robot.refusal("pricing", "settings", "set", "max_step_percent=1")
    assert "PERMISSION_DENIED" in refused


def test_without_data_nothing_is_claimed(ann: PricingCommands) -> None:
    ann.tier()
    assert "what is believed without data" in ann.people("pricing", "elasticity", "pro")
    assert "there is no prediction" in ann.people("pricing", "demand", "pro", "--price", "59")
    assert "no suggestion" in ann.people("pricing", "suggest", "pro")
    assert ann.json("pricing", "suggest", "pro")["insufficient_data"]


def test_what_is_not_there_and_who_is_away_are_told(ann: PricingCommands) -> None:
    assert "NOT_FOUND" in ann.refusal("pricing", "tiers", "show", "nothing")
    assert "is no id" in ann.refusal("approvals", "show", "nothing")
    away = ann.refusal("pricing", "tiers", "list", FOOTFALL_PRICING_ADDRESS="127.0.0.1:1")
    assert "Is `footfall up` running?" in away
    assert "footfall key create" in ann.refusal("pricing", "tiers", "list", FOOTFALL_API_KEY=None)
