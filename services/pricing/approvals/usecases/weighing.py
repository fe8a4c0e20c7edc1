"""What is known of a price before somebody is asked for it: evidence and risks, to be frozen.

It is gathered before the transaction that asks, which holds no lock while it is.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID

from services.pricing.approvals import queries
from services.pricing.approvals.errors import ApprovalNotFound, SuggestionNotFound
from services.pricing.approvals.rules.approval import Proposal, Revision, Wanted
from services.pricing.approvals.rules.ground import Ground, Weighed, risks_of
from services.pricing.approvals.rules.suggested import (
    evidence_of,
    risks_of_suggestion,
    suggests,
)
from services.pricing.evidence.usecases import evidence_for
from services.pricing.parts import Parts
from services.pricing.suggestions.queries import select_suggestion
from services.pricing.tiers.errors import TierNotFound
from shared.identity.identity import Identity

_NONE = UUID(int=0)


async def weigh(parts: Parts, caller: Identity, wanted: Wanted) -> Weighed:
    """What is known of a price that is to be asked for.

    Raises TierNotFound, SuggestionNotFound, Overloaded.
    """
    ground = await _ground(parts, caller, wanted.tier_id, _NONE)
    weighed = await _weigh(parts, caller, ground, wanted.proposal)
    if wanted.suggestion_id is None:
        return weighed
    return await _with_suggestion(parts, caller, wanted, weighed, ground)


async def weigh_revision(parts: Parts, caller: Identity, revision: Revision) -> Weighed:
    """What is known of a price that is to be asked for instead. Raises ApprovalNotFound."""
    approval_id = revision.approval_id
    known = await queries.select_approval_at_once(parts.database, caller.tenant, approval_id)
    if known is None:
        raise ApprovalNotFound(resource="approval")
    ground = await _ground(parts, caller, known.tier_id, approval_id)
    return await _weigh(parts, caller, ground, revision.proposal)


async def _ground(parts: Parts, caller: Identity, tier_id: str, approval_id: UUID) -> Ground:
    now = datetime.now(UTC)
    database, tenant = parts.database, caller.tenant
    ground = await queries.select_ground(database, tenant, tier_id, approval_id, now)
    if ground is None:
        raise TierNotFound(resource="tier")
    return ground


async def _weigh(parts: Parts, caller: Identity, ground: Ground, proposal: Proposal) -> Weighed:
    """Who is on the tier is counted now; the rest of the evidence may be minutes old."""
    proposed, now = proposal.proposed_minor, datetime.now(UTC)
    known = await evidence_for(parts, caller.org_id, ground, proposed, now)
    evidence = {**known, "subscribers": ground.subscribers}
    return Weighed(ground.version, evidence, risks_of(ground, proposed))


async def _with_suggestion(
    parts: Parts, caller: Identity, wanted: Wanted, weighed: Weighed, ground: Ground
) -> Weighed:
    """What the suggestion says of itself, and its evidence where it is about this very price."""
    assert wanted.suggestion_id is not None
    async with parts.database.raw_transaction(caller.tenant) as raw:
        kept = await select_suggestion(raw, caller.org_id, wanted.suggestion_id)
    if kept is None or kept.tier_id != wanted.tier_id:
        raise SuggestionNotFound(resource="suggestion")
    current, proposed = ground.amount_minor, wanted.proposal.proposed_minor
    about = (kept.suggestion, current, proposed, ground.currency)
    risks = list(dict.fromkeys((*weighed.risks, *risks_of_suggestion(*about))))
    if not suggests(*about):
        return replace(weighed, risks=risks)
    evidence = {**weighed.evidence, **evidence_of(kept.suggestion, kept.made_at)}
    if "elasticity" in evidence:
        evidence.pop("insufficient", None)
    return Weighed(weighed.base_version, evidence, risks)
