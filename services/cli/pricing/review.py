"""The page on which somebody decides: what is asked, what it may do, and how to go on."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from footfall.pricing.v1.approval_pb2 import (
    Approval,
    ApprovalState,
    ApprovalVerdict,
    Evidence,
    GetApprovalResponse,
    Verdict,
)
from footfall.pricing.v1.price_pb2 import Tier
from services.cli import words
from services.cli.pricing import changes, money, next_steps
from services.cli.pricing.evidence import belief, more, share, surely
from services.cli.pricing.impact import impact

NOTICE = timedelta(hours=720)

_STYLES = {1: "yellow", 2: "green", 3: "red", 4: "yellow", 5: "red", 6: "dim", 7: "dim"}
_INDENT = (0, 0, 0, 2)


def page(told: GetApprovalResponse, tier: Tier, now: datetime) -> RenderableType:
    """All of it, for eighty columns; `tier` is as it is now."""
    one = told.approval
    parts: list[RenderableType] = [_head(one), "", _asked(one, tier), *_evidence(one.evidence)]
    parts += _risks(one)
    parts += _verdicts(one)
    if one.state in next_steps.OPEN:
        parts += _ahead(one, now)
    if told.HasField("price_change"):
        parts += [_title("What became of it"), Padding(changes.one(told.price_change), _INDENT)]
    if steps := list(next_steps.of(told)):
        parts += [_title("Go on with"), *(Text(step, overflow="fold") for step in steps)]
    return Group(*parts)


def line(one: Approval) -> RenderableType:
    """The same in two lines, for a list."""
    told = Text().append_text(state(one.state)).append(f"  {one.tier_id}  ", "bold")
    told.append(f"{money.number(one.current_price)} → {money.said(one.proposed_price)} ")
    told.append(f"({money.percent(one.current_price, one.proposed_price)})")
    told.append(f"\n  {one.approval_id}", "dim").append(f"  by {one.requested_by}")
    if one.state in next_steps.OPEN:
        told.append(f", until {words.day(one.expires_at)}")
    return told


def state(value: int) -> Text:
    """Where it stands."""
    return Text(words.read(ApprovalState, value), _STYLES.get(value, ""))


def _title(words_of_it: str) -> Text:
    return Text(f"\n{words_of_it}", "italic")


def _head(one: Approval) -> Text:
    told = Text().append(f"{one.tier_id}: ", "bold").append_text(state(one.state))
    return told.append(f"  revision {one.revision}\nrequest {one.approval_id}", "dim")


def _asked(one: Approval, tier: Tier) -> Table:
    rows = Table.grid(padding=(0, 2))
    rows.add_column(style="dim", no_wrap=True)
    rows.add_column(overflow="fold")
    old, new = one.current_price, one.proposed_price
    rows.add_row("price", Text(f"{money.number(old)} → {money.said(new)}", "bold"))
    for each in _difference(one, tier):
        rows.add_row("", each)
    for title, value in _circumstances(one):
        if value:
            rows.add_row(title, Text(value))
    return rows


def _difference(one: Approval, tier: Tier) -> Iterator[Text]:
    """What each pays more or less, and all of them, as long as nobody leaves."""
    old, new = one.current_price, one.proposed_price
    change, count = money.difference(old, new), one.evidence.subscribers
    each = f"{money.said(change, signed=True)} {money.each(tier.billing_period)}"
    yield Text(f"{money.percent(old, new)}, {each} per subscriber")
    together = money.of_all_per_month(change, count, tier.billing_period)
    if together is not None:
        subscribers = words.counted(count, "subscriber")
        told = f"{money.said(together, signed=True)} a month for all {subscribers}"
        yield Text(f"{told}, if none leaves")
    if one.state in next_steps.OPEN and tier.price_version != one.base_price_version:
        yield Text(f"the price in force is {money.said(tier.price)} now: decide anew", "red")


def _circumstances(one: Approval) -> Iterator[tuple[str, str]]:
    yield "why", one.reason
    yield "asked by", f"{one.requested_by} on {words.time(one.requested_at)}"
    if one.HasField("requested_effective_time"):
        yield "not before", words.time(one.requested_effective_time)
    yield "follows", f"suggestion {one.suggestion_id}" if one.suggestion_id else ""
    undoes = one.rolls_back_price_change_id
    yield "undoes", f"change {undoes}" if undoes else ""
    yield "content", f"{one.content_hash[:16]}…" if one.content_hash else ""


def _evidence(one: Evidence) -> Iterator[RenderableType]:
    yield _title("What it may do to the revenue")
    if one.HasField("revenue_impact"):
        yield from (Padding(part, _INDENT) for part in impact(one.revenue_impact, "a month"))
    for told in _beliefs(one):
        yield Padding(Text(told), _INDENT)
    for reason in one.insufficient:
        yield Padding(Text(f"the data cannot tell: {reason}", "yellow"), _INDENT)
    if one.HasField("as_of"):
        yield Padding(Text(f"as of {words.time(one.as_of)}, {one.method_version}", "dim"), _INDENT)


def _beliefs(one: Evidence) -> Iterator[str]:
    if one.HasField("churn_risk"):
        yield f"likely to leave because of it: {share(one.churn_risk)} of subscribers"
    if one.HasField("revenue_impact"):
        yield f"{more(one.objective)} with a confidence of {surely(one.confidence)}"
    if one.HasField("elasticity"):
        yield f"elasticity {belief(one.elasticity)}: % of demand for each % of price"
    if one.HasField("revenue_30_days"):
        yield f"revenue of the last 30 days: {money.said(one.revenue_30_days)}"


def _risks(one: Approval) -> Iterator[RenderableType]:
    if one.risks:
        yield _title("Risks")
    for risk in one.risks:
        told = Text().append("! ", "yellow").append(risk.name.replace("_", " "), "bold")
        yield Padding(told.append(f": {risk.description}" if risk.description else ""), _INDENT)


def _verdicts(one: Approval) -> Iterator[RenderableType]:
    if one.verdicts:
        yield _title("Verdicts")
    for verdict in one.verdicts:
        yield Padding(_verdict(verdict), _INDENT)


def _verdict(one: ApprovalVerdict) -> Text:
    void = ", void" if one.void else ""
    told = Text().append(words.read(Verdict, one.verdict), "dim" if one.void else "bold")
    told.append(f" by {one.decided_by} ({one.role}) on {words.time(one.decided_at)}")
    return told.append(f", revision {one.revision}{void}", "dim").append(f"\n{one.notes}")


def _ahead(one: Approval, now: datetime) -> Iterator[RenderableType]:
    """Who may not decide, until when, and what an approval would do."""
    yield _title("If it is approved now")
    for told in _effects(one, now):
        yield Padding(Text(told), _INDENT)
    yield _title("Who decides")
    barred = ", ".join(one.contributors)
    yield Padding(Text(f"an owner or admin, but not who asked or revised: {barred}"), _INDENT)
    yield Padding(Text(f"until {words.time(one.expires_at)}; then it expires"), _INDENT)


def _effects(one: Approval, now: datetime) -> Iterator[str]:
    rises = money.minor_of(one.proposed_price) > money.minor_of(one.current_price)
    asked = one.requested_effective_time
    wanted = asked.ToDatetime(UTC) if one.HasField("requested_effective_time") else now
    at = max(wanted, now + NOTICE if rises else now)
    when = f"from {at:%Y-%m-%d %H:%M} UTC on" if at > now else "at once"
    new = money.said(one.proposed_price)
    yield f"new customers pay {new} {when}"
    if rises:
        yield "subscribers pay it 30 days of 24 hours after their notice, not before"
    else:
        yield "subscribers who pay more now pay it from then on; no notice is needed"
    yield "other open requests for this tier become stale when it takes effect"
