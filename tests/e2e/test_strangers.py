"""`footfall up` answers clients that nobody here wrote, by reflection alone."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.postgres import scratch_data_dir
from tests.ups import footfall, up

HERE = Path(__file__).parent / "strangers"
BUF = Path(sys.executable).parent / "buf"
SERVICE = "footfall.events.v1.EventIngestService"
INSIGHT = "footfall.insights.v1.InsightService"
JOURNEY = "footfall.journey.v1.JourneyService"
PRICING = "footfall.pricing.v1.PricingService"
APPROVAL = "footfall.pricing.v1.ApprovalService"
AUDIT = "footfall.audit.v1.AuditService"
SERVICES = ("event_ingest", "insight", "journey", "pricing")
ABANDONED = {"type": "feature_abandoned", "userId": "mia", "feature": "export"}
"""Six of it, and somebody is stuck."""


@dataclass(frozen=True)
class Suite:
    address: str
    insight: str
    journey: str
    pricing: str
    key: str
    ann: str
    bob: str
    """Keys of two admins."""

    @property
    def told(self) -> list[str]:
        """All that a stranger knows."""
        return [
            self.address, self.key, self.insight, self.journey, self.pricing, self.ann, self.bob
        ]  # fmt: skip


@pytest.fixture(scope="module")
def suite() -> Iterator[Suite]:
    with scratch_data_dir() as data_dir, up(data_dir) as running:
        where = ("--data-dir", str(data_dir.root), "--json")
        addresses = [running.line[one] for one in SERVICES]
        org = _json(footfall("services.cli", "org", "create", "Acme", *where))["org_id"]
        staff = (("backend", "service"), ("ann", "admin"), ("bob", "admin"))
        made = (
            footfall(
                "services.cli", "key", "create", "--org", org, "--role", role,
                "--subject", subject, *where,
            )
            for subject, role in staff
        )  # fmt: skip
        yield Suite(*addresses, *(_json(one)["key"] for one in made))


def curl(suite: Suite, address: str, method: str, *requests: Mapping[str, Any]) -> list[Any]:
    """What `buf curl` prints: a document for each answer."""
    done = curled(suite.key, address, method, *requests)
    assert done.returncode == 0, done.stderr
    return _documents(done.stdout)


def curled(
    key: str, address: str, method: str, *requests: Mapping[str, Any]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BUF, "curl", "--protocol", "grpc", "--http2-prior-knowledge",
         "-H", f"authorization: Bearer {key}", "-d", "@-",
         f"http://{address}/{method}"],
        input="".join(json.dumps(one) for one in requests),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_buf_curl_is_answered(suite: Suite) -> None:
    def ask(method: str, *requests: Mapping[str, Any]) -> list[Any]:
        return curl(suite, suite.address, method, *requests)

    assert ask("grpc.health.v1.Health/Check", {}) == [{"status": "SERVING"}]
    (one,) = ask(f"{SERVICE}/IngestEvent", {"event": {"type": "login"}})
    assert one["verdict"] == "VERDICT_ACCEPTED"
    (batch,) = ask(f"{SERVICE}/IngestEvents", {"events": [{"type": "login"}, {"type": "nope"}]})
    assert _verdicts(batch) == ["VERDICT_ACCEPTED", "VERDICT_REJECTED"]
    (listed,) = ask(f"{SERVICE}/ListEvents", {"pageSize": 10})
    assert one["eventId"] in [stored["event"]["eventId"] for stored in listed["events"]]
    batches = [{"batchNumber": n, "events": [{"type": "login"}]} for n in (1, 2, 3)]
    acknowledged = ask(f"{SERVICE}/StreamEvents", *batches)
    assert [int(answer["batchNumber"]) for answer in acknowledged] == [1, 2, 3]


def test_buf_curl_is_told_insights(suite: Suite) -> None:
    assert curl(suite, suite.insight, "grpc.health.v1.Health/Check", {}) == [{"status": "SERVING"}]
    curl(suite, suite.address, f"{SERVICE}/IngestEvents", {"events": [ABANDONED] * 6})
    (generated,) = curl(suite, suite.insight, f"{INSIGHT}/GenerateInsights", {"userId": "mia"})
    found = {one["insightType"]: one for one in generated["insights"]}
    stuck = found["INSIGHT_TYPE_STUCK_USER"]
    assert stuck["subject"]["userId"] == "mia"
    assert stuck["recommendation"]["action"] == "onboarding_assistance"
    assert stuck["state"] == "INSIGHT_STATE_OPEN"


def test_buf_curl_follows_a_client(suite: Suite) -> None:
    """Upsert, track, next best action, outcome: and the answer changed."""

    def ask(method: str, request: Mapping[str, Any]) -> Any:
        (answer,) = curl(suite, suite.journey, f"{JOURNEY}/{method}", request)
        return answer

    who = {"clientId": "buf-1"}
    upserted = ask("UpsertClient", {"client": {**who, "name": "Northwind", "aiScore": 0}})
    assert upserted["created"]
    assert upserted["client"]["aiScore"] == 0
    late = {**who, "eventType": "invoice_overdue", "metadata": {"invoice_id": "17"}}
    moved = {**who, "eventType": "kick_off", "stage": "STAGE_ACTIVE_PROJECT"}
    assert ask("TrackJourneyEvents", {"events": [moved, late]})["accepted"] == 2
    recommended = ask("GetNextBestAction", who)
    assert recommended["action"]["action"] == "ACTION_EMAIL_OUTREACH"
    assert recommended["risks"][0]["risk"] == "RISK_LATE_INVOICES"
    came_of_it = {"action": recommended["action"]["action"], "outcome": "OUTCOME_IGNORED",
                  "decisionToken": recommended["decisionToken"]}  # fmt: skip
    assert ask("RecordActionOutcome", {**who, **came_of_it})["cooldownUntil"]
    assert "action" not in ask("GetNextBestAction", who)


def test_buf_curl_changes_a_price_with_consent(suite: Suite) -> None:
    """Ask, be refused as one's own judge, be agreed to by another, and find it in the log."""

    def ask(key: str, method: str, request: Mapping[str, Any]) -> Any:
        done = curled(key, suite.pricing, method, request)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    price = {"currencyCode": "EUR", "units": "49"}
    tier = {"tierId": "buf", "price": price, "billingPeriod": "BILLING_PERIOD_MONTH"}
    assert ask(suite.ann, f"{PRICING}/UpsertTier", {"tier": tier})["created"]
    wish = {"tierId": "buf", "proposedPrice": {**price, "units": "59"}, "reason": "more is in it"}
    approval = ask(suite.ann, f"{APPROVAL}/RequestApproval", wish)["approval"]
    assert approval["state"] == "APPROVAL_STATE_PENDING_REVIEW"
    decision = {"approvalId": approval["approvalId"], "etag": approval["etag"], "notes": "fine"}
    refused = curled(suite.ann, suite.pricing, f"{APPROVAL}/ApprovePriceChange", decision)
    answer = json.loads(refused.stderr)
    assert answer["code"] == "permission_denied"
    assert b"SELF_APPROVAL" in base64.b64decode(answer["details"][0]["value"] + "==")
    agreed = ask(suite.bob, f"{APPROVAL}/ApprovePriceChange", decision)
    assert agreed["approval"]["state"] == "APPROVAL_STATE_APPROVED"
    assert agreed["priceChange"]["state"] == "PRICE_CHANGE_STATE_NOTICE_RUNNING"
    kept = ask(suite.bob, f"{PRICING}/GetTier", {"tierId": "buf"})["tier"]
    assert kept["price"] == price, "notice runs"
    verified = ask(suite.bob, f"{AUDIT}/VerifyAuditLog", {})
    assert verified["valid"]
    assert int(verified["entries"]) >= 3


def test_grpc_requests_is_answered(suite: Suite) -> None:
    command = [sys.executable, "-W", "ignore", str(HERE / "asked.py"), *suite.told]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    _looks_right(json.loads(done.stdout))


@pytest.mark.skipif(
    not (shutil.which("node") and shutil.which("npm")), reason="needs node and npm on PATH"
)
def test_grpc_js_is_answered(suite: Suite, tmp_path: Path) -> None:
    shutil.copy(HERE / "stranger.js", tmp_path)
    wanted = ["@grpc/grpc-js@1", "grpc-js-reflection-client@1"]
    installed = subprocess.run(
        ["npm", "install", "--silent", "--no-audit", "--no-fund", *wanted],
        cwd=tmp_path, capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    if installed.returncode:
        pytest.skip("the npm registry is out of reach")
    done = subprocess.run(
        ["node", "stranger.js", *suite.told],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    _looks_right(json.loads(done.stdout))


def _looks_right(answers: Mapping[str, Any]) -> None:
    assert answers["health"] == {"status": "SERVING"}
    assert answers["one"]["verdict"] == "VERDICT_ACCEPTED"
    assert _verdicts(answers["batch"]) == ["VERDICT_ACCEPTED", "VERDICT_REJECTED"]
    listed = [stored["event"]["event_id"] for stored in answers["list"]["events"]]
    assert answers["one"]["event_id"] in listed
    assert [int(answer.get("batch_number", 0)) for answer in answers["stream"]] == [1, 2, 3]
    assert "urgent_outreach" not in str(answers["insights"]), "nobody has left"
    assert answers["settings"]["settings"]["min_previous_events"] == 20
    _was_followed(answers["journey"])
    _was_agreed_to(answers["price"])


def _was_followed(journey: Mapping[str, Any]) -> None:
    """Upsert, track, next best action, outcome: and the answer changed."""
    assert [one["current_stage"] for one in journey["tracked"]] == ["STAGE_ACTIVE_PROJECT"] * 2
    first = journey["next"]
    assert first["action"]["action"] == "ACTION_EMAIL_OUTREACH"
    assert [one["risk"] for one in first["risks"]] == ["RISK_LATE_INVOICES"]
    assert first["score"] == 5, "an ai_score of 0, 15 for the stage, 10 less for the risk"
    assert journey["outcome"]["cooldown_until"]
    assert not journey["after"].get("action")
    assert journey["after"]["withheld"][0]["reason"] == "WITHHELD_REASON_COOLDOWN"


def _was_agreed_to(price: Mapping[str, Any]) -> None:
    """Not by who asked; by another, with notice; and the log knows it."""
    assert price["asked"]["state"] == "APPROVAL_STATE_PENDING_REVIEW"
    assert price["refused"] == ["PERMISSION_DENIED", True]
    assert price["agreed"]["approval"]["state"] == "APPROVAL_STATE_APPROVED"
    change = price["agreed"]["price_change"]
    assert change["state"] == "PRICE_CHANGE_STATE_NOTICE_RUNNING"
    assert int(change["new_price"]["units"]) == 59
    assert price["verified"]["valid"]


def _verdicts(batch: Mapping[str, Any]) -> list[str]:
    return [result["verdict"] for result in batch["results"]]


def _documents(text: str) -> list[Any]:
    """JSON documents one after the other."""
    decoder, found, start = json.JSONDecoder(), [], 0
    while start < len(text.rstrip()):
        document, end = decoder.raw_decode(text, start)
        found.append(document)
        start = end + len(text[end:]) - len(text[end:].lstrip())
    return found


def _json(done: subprocess.CompletedProcess[str]) -> Any:
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
