"""What a decision token says: what was recommended, by what, and with what probability.

It travels with the answer and comes back with the outcome, so that asking writes nothing and what
is learnt can still be replayed. Packed, for it stays far below the 2,048 characters that a token
may have: at most 880 bytes with the longest ids.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from hashlib import blake2b
from typing import NamedTuple
from uuid import UUID

from services.journey.journeys.rules.vocabulary import Action, Micros

PURPOSE = "journey.decision"
"""What the token is signed for."""

_FORM = 1
_HEAD = struct.Struct(">B16sqqiqQBBBH")
_ITEM = struct.Struct(">Bd")


class Arm(IntEnum):
    """By what a decision was made, as it is kept with outcomes (1: there was none)."""

    RULES = 2
    LEARNT = 3
    HELD_OUT = 4


class Recommended(NamedTuple):
    """An action of the decision; their order is their rank."""

    action: Action
    propensity: float
    """With what probability it was to be the best."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided for a client."""

    decision_id: UUID
    client_id: str
    segment: str
    made_at: Micros
    expires_at: Micros
    settings_version: int
    policy_version: int
    seed: int
    arm: Arm
    rules_action: Action
    """The best by the rules alone."""
    recommended: Sequence[Recommended]


class UnknownForm(ValueError):
    """The payload is of another form than this program writes."""


def decision_id(
    org_id: UUID, client_id: str, made_at: Micros, settings_version: int, policy_version: int
) -> UUID:
    """The same question within a second is the same decision."""
    asked = f"{made_at // 1_000_000}\0{settings_version}\0{policy_version}\0{client_id}"
    digest = blake2b(asked.encode(), digest_size=16, key=org_id.bytes, person=b"decision").digest()
    return UUID(bytes=digest)


def packed(decision: Decision) -> bytes:
    """The decision as a payload."""
    client, segment = decision.client_id.encode(), decision.segment.encode()
    head = _HEAD.pack(
        _FORM,
        decision.decision_id.bytes,
        decision.made_at,
        decision.expires_at,
        decision.settings_version,
        decision.policy_version,
        decision.seed,
        decision.arm,
        decision.rules_action,
        len(decision.recommended),
        len(client),
    )
    items = b"".join(_ITEM.pack(*one) for one in decision.recommended)
    return head + items + client + segment


def unpacked(payload: bytes) -> Decision:
    """The decision of a payload that `packed` made. Raises UnknownForm for those of other forms."""
    if payload[:1] != bytes([_FORM]):
        raise UnknownForm
    _, identity, made_at, expires_at, settings, policy, seed, arm, best, count, length = (
        _HEAD.unpack_from(payload)
    )
    items = _HEAD.size + count * _ITEM.size
    return Decision(
        decision_id=UUID(bytes=identity),
        client_id=payload[items : items + length].decode(),
        segment=payload[items + length :].decode(),
        made_at=made_at,
        expires_at=expires_at,
        settings_version=settings,
        policy_version=policy,
        seed=seed,
        arm=Arm(arm),
        rules_action=Action(best),
        recommended=tuple(
            Recommended(Action(action), propensity)
            for action, propensity in _ITEM.iter_unpack(payload[_HEAD.size : items])
        ),
    )
