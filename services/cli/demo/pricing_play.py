"""The play of a price: nobody changes one alone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from footfall.audit.v1.audit_pb2 import VerifyAuditLogResponse
from footfall.pricing.v1.approval_pb2 import Approval
from footfall.pricing.v1.decision_pb2 import ApprovePriceChangeResponse
from footfall.pricing.v1.evidence_pb2 import Elasticity, PriceSuggestion
from footfall_client import AsyncClient, Options
from services.cli import telling as answers
from services.cli.demo import cast, consent, shop
from services.cli.demo.cast import Staff
from services.cli.demo.consent import NotAsPromised, Refused
from services.cli.demo.stage import staged
from services.cli.demo.telling import Telling
from services.cli.pricing import changes, evidence, money, review
from services.cli.pricing.asking import Pricing, pricing_of
from services.cli.pricing.audit_commands import entries
from services.cli.state import State
from services.cli.tally import Tally
from shared.data_dir import DataDir

ACTS = 10
_WHY = "The year says that few would leave."
_CHANGED = "pro"


@dataclass
class PricingPlay:
    """What the acts share."""

    telling: Telling
    data_dir: DataDir
    _pricing: dict[str, Pricing] = field(default_factory=dict, init=False)
    """How each of the staff asks."""

    async def perform(self) -> None:
        """All acts. Raises NotAsPromised when the end is not what was promised."""
        began = time.monotonic()
        self.telling.act("Start everything: Postgres, schema, event-ingest and pricing")
        services = ("event-ingest", "pricing")
        async with staged(self.data_dir, self.telling.remark, services) as state:
            await self._acts(state)
            self.telling.act("Stop: nothing stays behind")
        seconds = time.monotonic() - began
        self.telling.keep(seconds=round(seconds, 1))
        self.telling.remark(f"{seconds:.0f} seconds in all")

    async def _acts(self, state: State) -> None:
        staff = await cast.shop(self.data_dir, state["event_ingest"])
        async with AsyncExitStack() as stack:
            for name, caller in staff.callers.items():
                there = replace(caller, address=state["pricing"])
                self._pricing[name] = await stack.enter_async_context(pricing_of(there))
            await self._opening()
            await self._a_year(staff)
            await self._what_demand_says()
            suggestion = await self._suggestion()
            approval = await self._request(suggestion)
            await self._refusals(approval)
            await self._consent(approval)
            await self._audit()
        self._how_to_go_on(staff, approval)

    async def _opening(self) -> None:
        self.telling.act("Open a shop: three tiers, their subscribers, what competitors ask")
        now = datetime.now(UTC)
        count = await consent.open_shop(self._pricing[cast.BACKEND], now)
        self.telling.remark(
            f"{count} subscribers; Ann and Bob are admins, the backend has the role `service`"
        )
        self.telling.keep(simulated=True, seed=shop.SEED, subscribers=count)

    async def _a_year(self, staff: Staff) -> None:
        self.telling.act("Ingest a year of its sales, as events of type `revenue`, over gRPC")
        self.telling.remark(
            "the sales are simulated: drawn around a known law of demand with a fixed seed, so "
            "that the estimate can be compared with the truth"
        )
        tally = await _ingested(staff)
        self.telling.remark(f"{tally.accepted:,} events")
        self.telling.keep(events=tally.accepted)

    async def _what_demand_says(self) -> None:
        self.telling.act("Estimate how demand answers to price, and compare with the truth")
        found = await consent.estimate(self._pricing[cast.BACKEND])
        self.telling.show(beside_the_truth(found))
        self.telling.keep(elasticities=[_judged(one, found) for one in shop.TIERS])

    async def _suggestion(self) -> PriceSuggestion:
        self.telling.act(f"Suggest a price for {_CHANGED}, within the guard-rails")
        suggestion = await consent.suggest(self._pricing[cast.BACKEND], _CHANGED)
        self.telling.show(*list(evidence.suggestion(suggestion))[:-2])
        self.telling.keep(suggestion=answers.as_json(suggestion))
        return suggestion

    async def _request(self, suggestion: PriceSuggestion) -> Approval:
        self.telling.act("Ann asks for it; this is the page on which somebody else decides")
        approval = await consent.ask_for(self._pricing[cast.ANN], suggestion, _WHY)
        told, tier = await consent.reviewed(self._pricing[cast.BOB], approval.approval_id)
        self.telling.show(review.page(told, tier, datetime.now(UTC)))
        self.telling.keep(approval=answers.as_json(told.approval))
        return told.approval

    async def _refusals(self, approval: Approval) -> None:
        self.telling.act("Who asked cannot consent, nor can a service, whatever its key")
        refused = [
            await consent.try_to_consent(self._pricing[name], approval, name)
            for name in (cast.ANN, cast.BACKEND)
        ]
        self.telling.show(refusals(refused))
        self.telling.keep(
            refused=[
                {"who": one.who, "code": one.failure.code, "reason": one.failure.reason}
                for one in refused
            ]
        )

    async def _consent(self, approval: Approval) -> None:
        self.telling.act("Bob consents: the change is scheduled, and its notice runs")
        pricing = self._pricing[cast.BOB]
        agreed = await consent.consent(pricing, approval, "Agreed, within the guard-rails.")
        _require_notice(agreed, approval)
        client = shop.client_id(1)
        noticed = await consent.tell_subscriber(
            self._pricing[cast.BACKEND], agreed.price_change.price_change_id, client
        )
        told, tier = await consent.reviewed(pricing, approval.approval_id)
        self.telling.show(
            Text(f"{client} was told of it (simulated):"),
            changes.noticed(noticed),
            changes.one(told.price_change),
            Text(f"the price in force is still {money.said(tier.price)}"),
        )
        self.telling.keep(
            price_change=answers.as_json(told.price_change),
            price_in_force=answers.as_json(tier.price),
        )

    async def _audit(self) -> None:
        self.telling.act("Read the audit log, and verify it")
        found, log = await consent.audited(self._pricing[cast.BOB], "")
        told = [one for one in found if one.action.startswith(("approval.", "price_"))]
        self.telling.show(entries(told), verified(log))
        self.telling.keep(audit=answers.as_json(log), audited=[one.action for one in told])
        if not log.valid:
            raise NotAsPromised(f"The audit log is not whole: {log.problem}")

    def _how_to_go_on(self, staff: Staff, approval: Approval) -> None:
        where = f"--data-dir {self.data_dir.root}"
        self.telling.keep(data_dir=str(self.data_dir.root))
        self.telling.lines(
            "",
            "     [bold]Go on[/]",
            f"     footfall up {where}      [dim]# run it again; all of it is kept[/]",
            f"     export FOOTFALL_API_KEY={staff.callers[cast.BOB].key}",
            f"     footfall approvals show {approval.approval_id} {where}",
            f"     footfall audit list {where}",
        )


async def _ingested(staff: Staff) -> Tally:
    """A year of sales of every tier, through the client library."""
    now, tally = datetime.now(UTC), Tally()
    caller = staff.callers[cast.BACKEND]
    made = (shop.event(sale) for tier in shop.TIERS for sale in shop.sales(tier, now))
    options = Options(max_in_flight=4)
    async with AsyncClient(caller.address, credential=caller.key, options=options) as client:
        async for batch in client.upload(made, batch_size=1000, in_flight=4, retry_for=30.0):
            tally.add(batch)
    if tally.accepted != tally.sent:
        raise NotAsPromised(f"Of {tally.sent:,} events {tally.accepted:,} were stored.")
    return tally


def beside_the_truth(found: Mapping[str, Elasticity]) -> Table:
    """A line for each tier: what is so, what was found, and whether it holds what is so."""
    rows = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("tier", "the truth", "estimate", "95 % interval", "holds the truth", "rests on"):
        rows.add_column(title, justify="right" if title in {"the truth", "estimate"} else "left")
    for one in shop.TIERS:
        told = found[one.tier_id]
        holds = told.lower <= one.elasticity <= told.upper
        rows.add_row(
            Text(one.tier_id, "bold"),
            f"{one.elasticity:.2f}",
            Text(f"{told.mean:.2f}", "cyan"),
            f"{told.lower:.2f} to {told.upper:.2f}",
            Text("yes" if holds else "no", "green" if holds else "yellow"),
            Text(f"{told.diagnostics.observations} days", "dim"),
        )
    return rows


def _judged(one: shop.Simulated, found: Mapping[str, Elasticity]) -> dict[str, object]:
    told = found[one.tier_id]
    return {
        "tier_id": one.tier_id,
        "true": one.elasticity,
        "estimate": told.mean,
        "lower": told.lower,
        "upper": told.upper,
        "insufficient_data": told.insufficient_data,
        "holds_the_truth": told.lower <= one.elasticity <= told.upper,
    }


def refusals(refused: list[Refused]) -> RenderableType:
    """Who tried, and what they were told."""
    rows = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("who tries to approve it", "answer", "reason"):
        rows.add_column(title)
    for one in refused:
        code = Text(one.failure.code, "red")
        rows.add_row(Text(one.who, "bold"), code, Text(one.failure.reason))
    return rows


def verified(told: VerifyAuditLogResponse) -> Text:
    """Whether the log is whole."""
    if not told.valid:
        return Text(f"entry {told.first_bad_entry}: {told.problem}", "bold red")
    line = Text("the log is whole: ", "bold green")
    return line.append(f"{told.entries:,} entries, each with the hash of the one before")


def _require_notice(agreed: ApprovePriceChangeResponse, approval: Approval) -> None:
    """No increase before its notice has run."""
    change = agreed.price_change
    notice = change.effective_time.ToDatetime() - change.approved_at.ToDatetime()
    rises = money.minor_of(approval.proposed_price) > money.minor_of(approval.current_price)
    if rises and notice < review.NOTICE:
        raise NotAsPromised(f"An increase takes effect after {notice} of notice.")
