"""Insights, profiles and reports for people to read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from footfall.insights.v1.backtest_pb2 import DetectorReport
from footfall.insights.v1.feed_pb2 import DeliveryState, Feed, FeedDelivery
from footfall.insights.v1.insight_pb2 import (
    Insight,
    InsightState,
    InsightType,
    Insufficient,
    Severity,
    Subject,
)
from footfall.insights.v1.insight_requests_pb2 import GenerateInsightsResponse
from footfall.insights.v1.profile_pb2 import BehaviourProfile, CredibilityTrend
from footfall.insights.v1.signals_pb2 import ClientSignals
from services.cli.terminal import blocks

_SEVERITY_STYLES = {1: "dim", 2: "yellow", 3: "dark_orange", 4: "bold red"}
_GAUGE_WIDTH = 24
_FULL = 100.0
_INDENT = 10
_CENT = Decimal("0.01")


def type_name(insight_type: int) -> str:
    """As people write it: `churn risk`."""
    return _words(InsightType.Name(InsightType.ValueType(insight_type)), "INSIGHT_TYPE_")


def subject_name(subject: Subject) -> str:
    """Who, and with which feature."""
    kind = subject.WhichOneof("of")
    who = {"user_id": f"user {subject.user_id}", "client_id": f"client {subject.client_id}"}
    name = who.get(kind or "", "the organisation")
    return f"{name}, {subject.feature}" if subject.feature else name


def insights(found: Sequence[Insight]) -> RenderableType:
    """Each with its numbers, a picture of the last four weeks, and what to do."""
    if not found:
        return Text("Nothing stands out.", "dim")
    return Group(*(_insight(one) for one in found))


def _insight(one: Insight) -> RenderableType:
    head = Text()
    head.append(f"{severity_name(one):{_INDENT}}", severity_style(one))
    head.append(f"{type_name(one.insight_type)}: {subject_name(one.subject)}", "bold")
    if one.evidence.trend:
        head.append(f"  {blocks.spark(list(one.evidence.trend))}", "cyan")
        head.append(f" {len(one.evidence.trend)} days", "dim")
    return Group(head, Padding(Group(*_details(one)), (0, 0, 1, _INDENT)))


def _details(one: Insight) -> Iterator[Text]:
    evidence = one.evidence
    sure = f"; weight {one.weight:.2f}, confidence {one.confidence:.3f} ({evidence.test})"
    yield Text(evidence.rule).append(sure, "dim")
    yield Text(f"would change: {evidence.would_change}", "dim")
    yield Text(f"→ {one.recommendation.action}: {one.recommendation.message}", "green")
    if one.insight_id:
        state = _words(InsightState.Name(one.state), "INSIGHT_STATE_")
        gone = ", holds no more" if one.HasField("cleared_at") else ""
        yield Text(f"{one.insight_id}  {state}{gone}", "dim")


def severity_name(one: Insight) -> str:
    """How bad, in a word."""
    return _words(Severity.Name(one.severity), "SEVERITY_")


def severity_style(one: Insight) -> str:
    """How bad, as a colour."""
    return _SEVERITY_STYLES.get(one.severity, "")


def generated(answer: GenerateInsightsResponse, shown: int) -> RenderableType:
    """The worst of a run, what cannot be said, and what the run was."""
    total = sum(one.count for one in answer.totals)
    counts = ", ".join(f"{one.count:,} {type_name(one.insight_type)}" for one in answer.totals)
    end = [f"{min(shown, len(answer.insights)):,} of {total:,} shown ({counts})"] if total else []
    subjects = f"{answer.subjects:,} subject{'s' if answer.subjects != 1 else ''}"
    end.append(f"as of {_time(answer.as_of)}, {subjects} looked at")
    if not answer.kept:
        end.append("a look back, not kept")
    if not answer.complete:
        end.append("[yellow]the latest events of features and clients are still being counted[/]")
    parts = [insights(answer.insights[:shown])]
    if answer.insufficient:
        parts.append(insufficient(answer.insufficient))
    return Group(*parts, f"[dim]{'; '.join(end)}[/]")


def insufficient(found: Sequence[Insufficient]) -> RenderableType:
    """What cannot be said."""
    lines = [
        f"too little to say {type_name(one.insight_type)} of {subject_name(one.subject)}: "
        f"{one.missing}"
        for one in found
    ]
    return Text("\n".join(lines), "dim")


def profile(one: BehaviourProfile) -> RenderableType:
    """Scores as gauges, totals, worries and next steps."""
    gauges = Table.grid(padding=(0, 1))
    for name, score in _scores(one):
        gauges.add_row(name, f"{score:5.1f}", Text(blocks.bar(score, _FULL, _GAUGE_WIDTH), "cyan"))
    trend = _words(CredibilityTrend.Name(one.credibility_trend), "CREDIBILITY_TREND_")
    totals = one.totals
    counted = (
        f"{totals.events:,} events on {totals.active_days:,} days: {totals.tool_sessions:,} tool "
        f"uses, {totals.exports:,} exports, {totals.resources:,} resources, "
        f"{totals.milestones:,} milestones; {totals.offline_actions:,} offline actions"
    )
    progression = f"progression {one.progression_rate:+.1f} points a week; credibility {trend}"
    lines = [progression, counted]
    if one.HasField("last_activity_at"):
        lines.append(
            f"last seen {_time(one.last_activity_at)}, {one.days_since_last_activity} days before"
        )
    if not one.sufficient:
        lines.append(f"too little to rely on: {one.missing}")
    lines += [f"[yellow]! {risk.name}[/]: {escape(risk.reason)}" for risk in one.risk_factors]
    lines += [f"[green]→ {step.action}[/]: {escape(step.reason)}" for step in one.next_actions]
    head = f"[bold]{escape(one.user_id)}[/], as of {_time(one.as_of)}"
    return Group(head, gauges, *lines)


def _scores(one: BehaviourProfile) -> Iterable[tuple[str, float]]:
    yield "scaling score", one.scaling_score
    for field in one.competencies.DESCRIPTOR.fields:
        yield field.name.replace("_", " "), getattr(one.competencies, field.name)


def signals(one: ClientSignals) -> RenderableType:
    """What is known of a client."""
    usage = f", {one.usage_ratio:.2f} of it" if one.HasField("usage_ratio") else ""
    fourth = (
        f"; a quarter of the active clients have {one.feature_uses_p25:,.0f} or fewer"
        if one.HasField("feature_uses_p25")
        else ""
    )
    lines = [
        f"[bold]{escape(one.client_id)}[/], as of {_time(one.as_of)}",
        f"{one.recent_events:,} events in 7 days, {one.previous_events:,} in the 7 before{usage}",
        f"{one.feature_uses:,} uses of {one.features_used:,} features in 30 days{fourth}",
    ]
    for days, sums in ((30, one.revenue_30_days), (365, one.revenue_365_days)):
        told = ", ".join(f"{_amount(each):,} {each.currency_code}" for each in sums)
        lines.append(f"revenue of {days} days: {told or 'none'}")
    if one.HasField("last_activity_at"):
        lines.append(f"last seen {_time(one.last_activity_at)}")
    if one.lag_seconds:
        lines.append(f"[yellow]{one.lag_seconds:,.0f} s behind the newest event[/]")
    return Group(*lines, insights(list(one.open_insights)))


def _amount(money: Money) -> Decimal:
    """Units and nanos have the same sign."""
    return (money.units + Decimal(money.nanos).scaleb(-9)).quantize(_CENT)


def reports(found: Sequence[DetectorReport]) -> RenderableType:
    """How often each detector was right, and what that means."""
    spoke = [one for one in found if one.alerts or one.outcomes]
    if not spoke:
        return Text("No detector would have said anything, and none would have had to.", "dim")
    meanings = Table.grid(padding=(0, 2))
    for one in spoke:
        meanings.add_row(Text(type_name(one.insight_type), "dim"), Text(one.outcome, "dim"))
    parts = [report_table(spoke), Text("\na warning is right when this follows:", "dim"), meanings]
    if quiet := [type_name(one.insight_type) for one in found if one not in spoke]:
        parts.append(Text(f"nothing of: {', '.join(quiet)}", "dim"))
    return Group(*parts)


def report_table(found: Iterable[DetectorReport]) -> RenderableType:
    """How often each was right, in numbers."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("detector", "said", "right", "precision", "seen", "recall", "ahead"):
        counts = title in {"said", "right", "seen", "ahead"}
        table.add_column(title, no_wrap=True, justify="right" if counts else "left")
    for one in found:
        table.add_row(
            type_name(one.insight_type),
            f"{one.alerts:,}",
            f"{one.true_alerts:,}/{one.judged:,}",
            _share(one, "precision"),
            f"{one.foreseen:,}/{one.outcomes:,}",
            _share(one, "recall"),
            f"{one.lead_days:.0f} days" if one.foreseen else "-",
        )
    return table


def _share(one: DetectorReport, name: str) -> Text:
    if not one.HasField(name):  # type: ignore[arg-type]
        return Text("-", "dim")
    value, low, high = (getattr(one, f"{name}{end}") for end in ("", "_low", "_high"))
    return Text(f"{value:4.0%}", "bold cyan").append(f" {low:.0%}…{high:.0%}", "dim")


def deliveries(found: Sequence[FeedDelivery]) -> RenderableType:
    """What was handed out, and what became of it."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("when (UTC)", "feed", "session", "insights", "state", "tries", ""):
        table.add_column(title)
    for one in found:
        table.add_row(
            f"{one.created_at.ToDatetime():%Y-%m-%d %H:%M:%S}",
            _words(Feed.Name(one.feed), "FEED_"),
            escape(one.session_id),
            str(len(one.insight_ids)),
            _words(DeliveryState.Name(one.state), "DELIVERY_STATE_"),
            str(one.attempts),
            Text(one.last_error, "dim"),
        )
    return table


def delivery(one: FeedDelivery) -> RenderableType:
    """One of them, in a line."""
    state = _words(DeliveryState.Name(one.state), "DELIVERY_STATE_")
    return Text(f"{len(one.insight_ids):,} handed over as {one.delivery_id}: {state}", "dim")


def _time(stamp: Timestamp) -> str:
    return f"{stamp.ToDatetime():%Y-%m-%d %H:%M} UTC"


def _words(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).lower().replace("_", " ")
