"""Entries of the audit log, as they are drawn."""

from __future__ import annotations

from typing import Any

from footfall.audit.v1.audit_pb2 import AuditEntry
from services.cli.pricing.audit_commands import entries
from tests.drawing import at, drawn


def test_an_entry_says_who_did_what_to_what_and_the_particulars() -> None:
    one = AuditEntry(
        sequence=1271, recorded_at=at(0), actor="bob", actor_role="admin",
        action="approval.approve", target="0198f3a2",
    )  # fmt: skip
    known: dict[str, Any] = {
        "proposed_minor": 6125,
        "share": 0.5,
        "notes": "as agreed\x1b",
        "risks": ["a", "b"],
    }
    one.details.update({**known, "none": None, "empty": ""})
    first, second, third = drawn(entries([one]), 100)
    assert first == "1,271  2026-03-09 12:00 UTC  bob (admin)  approval.approve"
    assert second == "       0198f3a2"
    assert third.strip().split("  ") == [
        "notes='as agreed\N{REPLACEMENT CHARACTER}'", "proposed_minor=6125", "risks=a,b",
        "share=0.5",
    ]  # fmt: skip


def test_no_entries_are_an_answer() -> None:
    assert drawn(entries([])) == ["There are no such entries."]
