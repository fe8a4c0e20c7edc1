"""The audit log between the wire and values."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import accumulate
from typing import Any

from google.protobuf.struct_pb2 import Struct
from google.protobuf.timestamp_pb2 import Timestamp

from footfall.audit.v1 import audit_pb2 as pb
from services.pricing.audit.rules import Entry, Page, Verdict, Where

_MESSAGE_BYTES = 3 * 1024 * 1024  # clients take 4 MiB unless they say otherwise

# No act of ours comes near these. Who tampered with a log must not keep it from being shown.
_MOST = 4_096
_MOST_DETAILS = 512 * 1024
_DEEPEST = 20
_NOT_OURS = "details_are_not_ours"


def from_list_audit_entries(request: pb.ListAuditEntriesRequest) -> Where:
    """Which entries are asked for."""
    return Where(request.actor, request.action_prefix, request.target)


def from_cursor(position: Sequence[Any] | None) -> int | None:
    """The number inside a page token: the page has those before it."""
    return None if position is None else int(position[0])


def to_list_audit_entries(page: Page) -> tuple[pb.ListAuditEntriesResponse, int | None]:
    """A page, and before which number the next one begins, if there is one."""
    shown, all_fit = _fitting(page.entries)
    before = page.before if all_fit else shown[-1].sequence
    return pb.ListAuditEntriesResponse(entries=shown), before


def to_audit_entry(entry: Entry) -> pb.AuditEntry:
    """An entry as it is shown. Numbers become doubles here; what was hashed keeps all digits."""
    return pb.AuditEntry(
        sequence=entry.sequence,
        recorded_at=_timestamp(entry.recorded_at),
        actor=entry.actor[:_MOST],
        actor_role=entry.actor_role[:_MOST],
        action=entry.action[:_MOST],
        target=entry.target[:_MOST],
        details=_details(entry.details),
        previous_hash=entry.previous_hash[:_MOST].hex(),
        entry_hash=entry.entry_hash[:_MOST].hex(),
    )


def to_verify_audit_log(verdict: Verdict) -> pb.VerifyAuditLogResponse:
    """What a check found."""
    return pb.VerifyAuditLogResponse(
        valid=verdict.valid,
        entries=verdict.entries,
        first_bad_entry=verdict.first_bad_entry,
        problem=verdict.problem,
        head_hash=verdict.head_hash.hex(),
        anchored_entries=verdict.anchored_entries,
        anchored_at=_timestamp(verdict.anchored_at),
        notice=verdict.notice,
    )


def _details(kept: str) -> Struct:
    """What was recorded, or what is wrong with what somebody made of it, and how it begins."""
    shown = Struct()
    if len(kept) > _MOST_DETAILS or _depth(kept) > _DEEPEST:
        shown.update({_NOT_OURS: "too large", "begins": kept[:_MOST]})
        return shown
    found = json.loads(kept, parse_int=_number, parse_float=_number)
    shown.update(found if isinstance(found, dict) else {_NOT_OURS: "no object", "value": found})
    return shown


def _depth(kept: str) -> int:
    """Of JSON, at the most: brackets in texts count too."""
    steps = (1 if char in "[{" else -1 for char in kept if char in "[{]}")
    return max(accumulate(steps), default=0)


def _number(written: str) -> float | str:
    """A double, or its digits where it is none."""
    value = float(written)
    return value if math.isfinite(value) else written[:_MOST]


def _fitting(entries: Iterable[Entry]) -> tuple[list[pb.AuditEntry], bool]:
    """The first entries as they are shown, as many as a message takes; whether that was all."""
    shown: list[pb.AuditEntry] = []
    room = _MESSAGE_BYTES
    for entry in entries:
        one = to_audit_entry(entry)
        room -= one.ByteSize()
        if shown and room < 0:
            return shown, False
        shown.append(one)
    return shown, True


def _timestamp(moment: datetime | None) -> Timestamp | None:
    if moment is None:
        return None
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp
