"""`footfall approvals` and `footfall audit` as people and scripts use it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from itertools import count
from typing import Any

import pytest
from click.testing import CliRunner

from services.cli.__main__ import main
from shared.identity.administration import organisations
from tests.bargaining import Pricing, running_pricing_worker
from tests.commanding import PricingCommands
from tests.organisations import Organisation


@pytest.fixture
def asked(ann: PricingCommands) -> dict[str, Any]:
    """Ann asks for a dearer tier, which has a subscriber."""
    ann.tier()
    ann.json("pricing", "subscriptions", "set", "s-1", "--client", "nw-1", "--tier", "pro")
    return ask(ann)


def ask(
    ann: PricingCommands, price: str = "59.00", reason: str = "More is in it.\nSince May."
) -> dict[str, Any]:
    words = ("approvals", "request", "pro", "--price", price, "--reason", reason)
    approval: dict[str, Any] = ann.json(*words)["approval"]
    return approval


def decide(who: PricingCommands, verb: str, of: dict[str, Any], etag: str = "") -> Any:
    words = ("approvals", verb, of["approval_id"], "--etag", etag or of["etag"])
    return who.json(*words, "--notes", "I looked at it.")


def test_the_page_says_what_is_asked_and_how_to_go_on(
    bob: PricingCommands, asked: dict[str, Any]
) -> None:
    said = bob.people("approvals", "show", asked["approval_id"])
    assert "49.00 → 59.00 EUR" in said
    assert "+20.4%, +10.00 EUR a month per subscriber" in said
    assert "+10.00 EUR a month for all 1 subscriber" in said
    assert "not who asked or revised: ann" in said
    assert f"footfall approvals approve {asked['approval_id']} \\" in said
    assert "More is in it. Since May." in said, "written in two lines"
    assert max(map(len, said.splitlines())) <= 100
    assert bob.json("approvals", "show", asked["approval_id"])["approval"] == asked


def test_who_may_decide_and_not_read_tiers_sees_the_page_too(
    asked: dict[str, Any], pricing_service: Pricing, shop: Organisation
) -> None:
    scopes = ["approvals:read", "approvals:decide"]
    judge = PricingCommands(
        pricing_service, pricing_service.seller(shop, "judge", scopes=scopes).bearer
    )
    said = judge.people("approvals", "show", asked["approval_id"])
    assert "+10.00 EUR a billing period per subscriber" in said
    assert "the price in force is" not in said


def test_who_asked_cannot_agree_and_another_can(
    ann: PricingCommands, bob: PricingCommands, asked: dict[str, Any]
) -> None:
    own = ("approvals", "approve", asked["approval_id"], "--etag", asked["etag"])
    assert "SELF_APPROVAL" in ann.refusal(*own, "--notes", "I agree with myself.")
    assert "--etag" in bob.refusal("approvals", "approve", asked["approval_id"], "--notes", "x")
    agreed = decide(bob, "approve", asked)
    assert agreed["approval"]["state"] == "APPROVAL_STATE_APPROVED"
    assert agreed["price_change"]["state"] == "PRICE_CHANGE_STATE_NOTICE_RUNNING"
    assert "ABORTED" in bob.refusal(*own, "--notes", "Once more.")
    said = bob.people("approvals", "show", asked["approval_id"])
    assert "What became of it" in said
    assert "approved by bob (admin)" in said
    assert "notice running" in bob.people("approvals", "changes")


def test_changes_are_asked_for_made_and_agreed_to(
    ann: PricingCommands, bob: PricingCommands, asked: dict[str, Any]
) -> None:
    wanted = decide(bob, "request-changes", asked)["approval"]
    revised = ann.json(
        "approvals", "revise", asked["approval_id"], "--etag", wanted["etag"],
        "--price", "55", "--reason", "As Bob proposed.",
    )["approval"]  # fmt: skip
    assert (revised["revision"], revised["state"]) == (2, "APPROVAL_STATE_PENDING_REVIEW")
    said = bob.people("approvals", "show", asked["approval_id"])
    assert "49.00 → 55.00 EUR" in said
    assert "revision 1, void" in said
    assert decide(bob, "approve", revised)["price_change"]["new_price"]["units"] == "55"


def test_a_request_is_rejected_or_withdrawn_and_listed_by_its_state(
    ann: PricingCommands, bob: PricingCommands, asked: dict[str, Any]
) -> None:
    other = ask(ann, "39 EUR", "Fewer would leave.")
    decide(bob, "reject", asked)
    withdrawn = ann.people("approvals", "withdraw", other["approval_id"], "--etag", other["etag"])
    assert "withdrawn" in withdrawn
    listed = bob.people("approvals", "list").splitlines()
    assert listed[0].startswith("withdrawn  pro  49.00 → 39.00 EUR (-20.4%)")
    assert listed[2].startswith("rejected  pro")
    (one,) = bob.json("approvals", "list", "--state", "rejected")["approvals"]
    assert one["approval_id"] == asked["approval_id"]
    assert "no such requests" in bob.people("approvals", "list", "--state", "pending_review")


def test_a_subscriber_is_told_and_a_change_cancelled(
    ann: PricingCommands, bob: PricingCommands, asked: dict[str, Any]
) -> None:
    change = decide(bob, "approve", asked)["price_change"]["price_change_id"]
    told = ann.people("approvals", "notice", change, "nw-1", "--channel", "e-mail 7")
    assert "they pay the new price from" in told
    assert "told of it: 1 of 1 subscriber" in ann.people("approvals", "changes", "--tier", "pro")
    said = bob.people("approvals", "cancel", change, "--notes", "The wrong list.")
    assert "cancelled  pro" in said
    assert "The wrong list." in said
    unknown = asked["approval_id"]
    assert "There is no change" in bob.refusal("approvals", "cancel", unknown, "--notes", "x")


def test_what_is_in_force_is_rolled_back_by_a_request(
    ann: PricingCommands, bob: PricingCommands, asked: dict[str, Any], shop: Organisation
) -> None:
    cheaper = ask(ann, "39 EUR", "Fewer would leave.")
    change = decide(bob, "approve", cheaper)["price_change"]["price_change_id"]
    asyncio.run(worked_until_in_force(bob, shop))
    assert "approvals roll-back" in bob.people("approvals", "show", cheaper["approval_id"])
    back = ann.people("approvals", "roll-back", change, "--reason", "Nobody came for it.")
    assert "39.00 → 49.00 EUR" in back
    assert f"change {change}" in back
    assert "stale" in bob.people("approvals", "show", asked["approval_id"]).splitlines()[0]


async def worked_until_in_force(who: PricingCommands, shop: Organisation) -> None:
    async with running_pricing_worker(shop.database):
        await asyncio.to_thread(until_in_force, who)


def until_in_force(who: PricingCommands) -> None:
    deadline = time.monotonic() + 60
    while not who.json("approvals", "changes", "--state", "effective")["price_changes"]:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_the_watch_shows_what_changes_one_document_a_line(
    ann: PricingCommands, asked: dict[str, Any]
) -> None:
    argv = [sys.executable, "-m", "services.cli", "approvals", "watch", "--json", "--count", "2"]
    environ, prices = {**os.environ, **ann.environ}, count(60)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=environ) as watching:
        deadline = time.monotonic() + 120
        while watching.poll() is None:
            assert time.monotonic() < deadline
            ask(ann, f"{next(prices)} EUR")
        assert watching.stdout is not None
        seen = [json.loads(line) for line in watching.stdout]
    assert watching.returncode == 0
    assert [one["tier_id"] for one in seen] == ["pro", "pro"]
    assert asked["approval_id"] not in {one["approval_id"] for one in seen}, "it begins now"


def test_the_audit_log_tells_who_did_what(
    ann: PricingCommands, bob: PricingCommands, asked: dict[str, Any]
) -> None:
    decide(bob, "approve", asked)
    (entry, *_) = bob.json("audit", "list", "--action", "approval.approve")["entries"]
    assert (entry["actor"], entry["target"]) == ("bob", asked["approval_id"])
    said = ann.people("audit", "list", "--target", asked["approval_id"])
    assert "bob (admin)  approval.approve" in said
    assert "ann (admin)  approval.request" in said
    assert ann.people("audit", "list", "--actor", "nobody") == "There are no such entries."


def test_an_organisation_goes_with_its_prices_requests_and_changes(
    bob: PricingCommands,
    asked: dict[str, Any],
    shop: Organisation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(organisations, "KEPT_SECONDS", 0.0)
    monkeypatch.setattr(organisations, "_MARGIN_SECONDS", 0.0)
    change = decide(bob, "approve", asked)["price_change"]["price_change_id"]
    bob.json("approvals", "notice", change, "nw-1")
    database = shop.database
    environ = {**database.environ, "FOOTFALL_DATA_DIR": str(database.data_dir.root)}
    words = ["org", "delete", str(shop.org_id), "--yes", "--json"]
    done = CliRunner().invoke(main, words, env=environ)
    assert done.exit_code == 0, done.output
    deleted = json.loads(done.stdout)["deleted"]
    written = ("tiers", "price_versions", "approvals", "price_changes", "price_notices")
    assert {table: deleted[table] for table in written} == dict.fromkeys(written, 1)
