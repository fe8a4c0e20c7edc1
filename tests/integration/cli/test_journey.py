"""`footfall journey` as people and scripts use it, on a real journey service."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta

import pytest

from tests.commanding import Commands, ago
from tests.organisations import Organisation


@pytest.fixture
def troubled(journey: Commands) -> Commands:
    """Northwind: late with an invoice, unhappy, full of tickets."""
    journey.client(name="Northwind Traders")
    journey.track("kick_off", "--stage", "active_project", days=20)
    journey.track("invoice_overdue", "--metadata", "invoice_id=2026-17", days=9)
    for number in range(3):
        journey.track("support_ticket_opened", "--metadata", f"ticket_id={number}", days=8 - number)
    for days in (4, 3):
        unhappy = ("--stage", "active_project", "--metadata", "sentiment=negative")
        journey.track("call", *unhappy, days=days)
    return journey


def test_a_journey_is_a_picture_with_its_score_and_what_clears_its_risks(
    troubled: Commands,
) -> None:
    lines = troubled.people("show", "nw-1").splitlines()
    assert max(map(len, lines)) <= 100
    assert lines[0].startswith("Northwind Traders (nw-1)  as of ")
    by_label = {line[:18].strip(): line for line in lines if line[:1].strip()}
    assert by_label["active project"].count("▶") == 1
    assert by_label["active project"].endswith("20 days, now")
    assert by_label["invoices"].endswith("1 overdue ✗")
    assert by_label["tickets"].endswith("3 opened ▲")
    assert by_label["sentiment"].endswith("2 negative -")
    said = "\n".join(lines)
    assert "late invoices           -10 " in said
    assert "score                    35 " in said
    assert "clears with: invoice_paid for each invoice that is overdue" in said


def test_what_a_journey_was_is_shown_as_of_then(troubled: Commands) -> None:
    then = troubled.json("show", "nw-1", "--as-of", ago(10))
    assert (len(then["events"]), then["score"]) == (1, 65)
    assert then["current_stage"] == "STAGE_ACTIVE_PROJECT"
    few = troubled.json("show", "nw-1", "--events", "2")
    assert (len(few["events"]), few["total_events"]) == (2, "7")
    assert few["next_page_token"]
    assert "7, the first 2 shown" in troubled.people("show", "nw-1", "--events", "2")


def test_a_risk_clears_with_its_cause(troubled: Commands) -> None:
    told = troubled.people("track", "nw-1", "invoice_paid", "--metadata", "invoice_id=2026-17")
    assert told.splitlines()[0].startswith("accepted  0")
    assert told.splitlines()[1] == "the client is in active project"
    assert "late invoices" not in troubled.people("show", "nw-1").split("score ")[1]
    (risk, *_) = troubled.json("next", "nw-1")["risks"]
    assert risk["risk"] == "RISK_NEGATIVE_SENTIMENT"


def test_the_next_best_action_says_why_and_how_to_record_what_came_of_it(
    troubled: Commands,
) -> None:
    said = troubled.people("next", "nw-1")
    assert "→ concierge personal intervention, high, by person" in said
    assert "  email outreach, high, by email" in said
    assert "no signals: nothing is known of how the client uses the product" in said
    assert "ordered by the rules" in said
    command = shlex.split(said.splitlines()[-1])
    assert command[:3] == ["footfall", "journey", "outcome"]
    ignored = ["ignored" if word == "accepted" else word for word in command[2:]]
    recorded = troubled.people(*ignored)
    assert recorded.startswith("recorded  ")
    assert "not recommended for this client again until " in recorded
    again = troubled.json("next", "nw-1")
    assert again["action"]["action"] == "ACTION_EMAIL_OUTREACH"
    (withheld,) = again["withheld"]
    assert (withheld["action"], withheld["reason"]) == (
        "ACTION_CONCIERGE_PERSONAL_INTERVENTION", "WITHHELD_REASON_COOLDOWN",
    )  # fmt: skip
    assert "not now\n  concierge personal intervention: cooldown, until " in troubled.people(
        "next", "nw-1"
    )


def test_nothing_due_is_an_answer(journey: Commands) -> None:
    journey.client()
    journey.track("invoiced", "--stage", "billing", days=1)
    assert "Nothing is due." in journey.people("next", "nw-1")
    assert "action" not in journey.json("next", "nw-1")


def test_who_needs_help_and_who_is_ready_for_more_is_listed(troubled: Commands) -> None:
    assert "Nobody is a candidate." in troubled.people("upsell")
    troubled.client("up-1", name="Uptown")
    troubled.track("renewed", "--stage", "upsell_candidate", client_id="up-1", days=1)
    risky = troubled.people("high-risk").splitlines()
    assert risky[1].split()[:3] == ["high", "Northwind", "Traders"]
    nobody = troubled.people("high-risk", "--min-level", "critical")
    assert nobody == "Nobody is at this level."
    assert troubled.people("high-risk", "--owner", "olga") == (
        "Nobody of that owner is at this level."
    )
    (row,) = troubled.json("upsell")["clients"]
    assert row["client_id"] == "up-1"


def test_the_funnel_and_where_a_client_is_likely_to_go(troubled: Commands) -> None:
    for number in range(4):
        troubled.client(one := f"c-{number}")
        troubled.track("hello", "--stage", "lead", client_id=one, days=30)
        if number:
            troubled.track("signed", "--stage", "onboarding", client_id=one, days=20)
    said = troubled.people("funnel")
    lead = next(line for line in said.splitlines() if line.startswith("lead "))
    assert lead.split()[1] == "4"
    assert "75%" in lead
    assert any(line.split()[:4] == ["lead", "→", "onboarding", "3"] for line in said.splitlines())
    assert "the time is not over yet" not in said
    assert troubled.json("funnel", "--until", f"{datetime.now(UTC) - timedelta(40):%Y-%m-%d}")
    predicted = troubled.people("predict", "c-0", "--days", "10")
    assert predicted.startswith("c-0: in lead since ")
    assert "onboarding" in predicted
    assert "too little to rely on: " in predicted


def test_the_report_tells_what_actions_came_to(troubled: Commands) -> None:
    assert "No outcome was recorded." in troubled.people("report")
    troubled.people("outcome", "nw-1", "email_outreach", "succeeded", "--note", "they called back")
    lines = troubled.people("report").splitlines()
    assert lines[1].split()[:6] == ["email", "outreach", "0", "1", "0", "0"]
    assert "it does not learn yet: 49 more outcomes are needed" in lines[-2]


def test_settings_are_shown_and_changed_one_by_one(journey: Commands, studio: Organisation) -> None:
    assert "The role service may not do this." in journey.refusal(
        "settings", "set", "cooldown_days=3"
    )
    journey.key = studio.api_key("adam")
    shown = named_values(journey.people("settings", "show"))
    assert shown["version"] == "the defaults"
    assert shown["risks.late_invoices.points"] == "10"
    assert shown["stages.lead.actions"] == "email_outreach"
    assert (shown["caps"], shown["quiet_hours"]) == ("none", "none")
    changed = journey.people(
        "settings", "set", "risks.late_invoices.points=15", "stages.billing.actions=email_outreach",
        "thresholds.tickets_min=4", "quiet_hours=22:00-07:00", "caps=email:2/7,all:5/30",
        "learning.enabled=false", "levels.critical.priority=high", "cooldown_days=0",
    )  # fmt: skip
    after = named_values(changed)
    assert after.pop("version").startswith("1, by adam on ")
    different = {name: value for name, value in after.items() if shown[name] != value}
    assert different == {
        "risks.late_invoices.points": "15", "stages.billing.actions": "email_outreach",
        "thresholds.tickets_min": "4", "quiet_hours": "22:00-07:00", "caps": "email:2/7,all:5/30",
        "learning.enabled": "false", "levels.critical.priority": "high", "cooldown_days": "0",
    }  # fmt: skip
    emptied = journey.people("settings", "set", "caps=none", "stages.billing.actions=none")
    assert named_values(emptied)["caps"] == "none"
    old = journey.json("settings", "show", "--version", "1")["settings"]
    assert (old["version"], len(old["caps"])) == (1, 2)


def named_values(said: str) -> dict[str, str]:
    """Without the second lines of long values."""
    lines = (line for line in said.splitlines() if not line.startswith(" "))
    pairs = (line.partition(" ") for line in lines)
    return {name: value.strip() for name, _, value in pairs}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("show", "nobody"), "NOT_FOUND"),
        (("next", "nobody"), "NOT_FOUND"),
        (("track", "nobody", "called", "--stage", "lead"), "NOT_FOUND"),
        (("track", "nw-1", "Called!", "--stage", "lead"), "event_type"),
        (("track", "nw-1", "called", "--at", "2999-01-01", "--stage", "lead"), "INVALID_ARGUMENT"),
        (("track", "nw-1", "called", "--stage", "nowhere"), "is not one of"),
        (("track", "nw-1", "called", "--metadata", "x"), "is not NAME=TEXT"),
        (("track", "nw-1", "called", "--metadata", "x:={"), "is no JSON"),
        (("outcome", "nw-1", "email_outreach", "accepted", "--token", "x"), "INVALID_ARGUMENT"),
        (("show", "nw-1", "--as-of", "2999-01-01"), "2999-01-01 is not over yet"),
        (("settings", "set", "risks.late_invoice.points=3"), "Did you mean risks.late_invoices"),
        (("settings", "set", "cooldown_days=x"), "it takes a whole number"),
        (("settings", "set", "caps=email"), "CHANNEL:CONTACTS/DAYS"),
        (("settings", "set", "stages.lead.actions=call"), "is none of email_outreach"),
        (("watch", "--resume-token", "nonsense"), "INVALID_ARGUMENT"),
        (("clients", "import", "no-such-file.csv"), "no-such-file.csv cannot be read"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(
    journey: Commands, words: tuple[str, ...], told: str
) -> None:
    journey.client()
    assert told in " ".join(journey.refusal(*words).split())


def test_who_may_not_ask_is_told_so(journey: Commands) -> None:
    assert "UNAUTHENTICATED" in journey.refusal("high-risk", FOOTFALL_API_KEY="ff_nobody_x")
    assert "footfall key create" in journey.refusal("high-risk", FOOTFALL_API_KEY=None)
    away = journey.refusal("high-risk", FOOTFALL_JOURNEY_ADDRESS="127.0.0.1:1")
    assert "Is `footfall up` running?" in away


def test_the_watch_shows_what_changes_one_document_a_line(journey: Commands) -> None:
    argv = [sys.executable, "-m", "services.cli", "journey", "watch", "--json", "--count", "3"]
    environ = {**os.environ, **journey.environ}
    names = (f"c-{number}" for number in range(1000))
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=environ) as watching:
        deadline = time.monotonic() + 120
        while watching.poll() is None:
            assert time.monotonic() < deadline
            journey.client(one := next(names))
            journey.track("renewed", "--stage", "retention", client_id=one, days=1)
        assert watching.stdout is not None
        seen = [json.loads(line) for line in watching.stdout]
    assert watching.returncode == 0
    assert len(seen) == 3
    assert {one["stage"] for one in seen} <= {"STAGE_LEAD", "STAGE_RETENTION"}
