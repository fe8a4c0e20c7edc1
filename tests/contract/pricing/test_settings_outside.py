"""A price asked for by hand is told which guard-rails it crosses, and by how much."""

from __future__ import annotations

from google.type.money_pb2 import Money

from footfall.pricing.v1 import approval_pb2
from tests.bargaining import Seller, age
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase
from tests.selling import Till, get, money, tier, upsert
from tests.suggesting import PATIENT


def crossed(seller: Seller, price: Money) -> list[str]:
    """What the request says of the guard-rails."""
    request = approval_pb2.RequestApprovalRequest(
        tier_id="pro", proposed_price=price, reason="Because."
    )
    risks = seller.call("RequestApproval", request, timeout=PATIENT).approval.risks
    return [risk.description for risk in risks if risk.name == "outside_guard_rails"]


def test_a_step_too_far_is_told(robot: Seller) -> None:
    upsert(robot, tier(floor_price=money(8)))
    assert crossed(robot, money(12, 500_000_000)) == []
    assert crossed(robot, money(13)) == [
        "max_step: 0.50 EUR more than 12.50 EUR, 25 % above the price in force"
    ]
    assert crossed(robot, money(7)) == [
        "max_step: 0.50 EUR less than 7.50 EUR, 25 % below the price in force",
        "floor_price: 1.00 EUR less than 8.00 EUR, the tier's floor price",
    ]


def test_every_price_of_twelve_months_counts_and_older_ones_do_not(
    shared_database: MigratedDatabase, acme: Organisation, robot: Seller
) -> None:
    """10, then 8, then 9.60: now 12 is 50 % above the lowest of the year, and within one step."""
    upsert(robot, tier())
    with Till.open(acme) as till:
        age(shared_database, acme.org_id, days=1)
        till.apply(till.agree(800))
        age(shared_database, acme.org_id, days=1)
        rise = till.agree(960)
        age(shared_database, acme.org_id, days=31)
        till.apply(rise)
    assert get(robot).tier.price == money(9, 600_000_000)
    assert crossed(robot, money(12)) == []
    lowest = "50 % above the lowest price of 12 months"
    assert crossed(robot, money(12, 10_000_000)) == [
        "max_step: 0.01 EUR more than 12.00 EUR, 25 % above the price in force",
        f"max_year: 0.01 EUR more than 12.00 EUR, {lowest}",
    ]
    age(shared_database, acme.org_id, days=363)
    assert len(crossed(robot, money(12, 10_000_000))) == 2
    age(shared_database, acme.org_id, days=3)
    assert crossed(robot, money(12, 10_000_000)) == [
        "max_step: 0.01 EUR more than 12.00 EUR, 25 % above the price in force"
    ]
