"""What every area of pricing is made with."""  # house: the wiring hands it to all areas

from __future__ import annotations

from dataclasses import dataclass

from services.pricing.evidence.rules.questions import Asked, Known
from shared.anchors import AnchorStore
from shared.computing.kept import Kept
from shared.computing.pool import ComputePool
from shared.database import Database
from shared.rpc.page_token import PageTokens
from shared.rpc.validation import Rules


@dataclass(frozen=True, slots=True)
class Parts:
    """What the areas share."""

    database: Database
    tokens: PageTokens
    checks: Rules
    """For methods that validate parts of a request one by one."""
    anchors: AnchorStore
    """Where the ends of audit logs are written down, outside the database."""
    statistics: ComputePool
    """Where heavy arithmetic is done: never on the loop."""
    evidence: Kept[Asked, Known]
    """What demand says of prices, by organisation."""
