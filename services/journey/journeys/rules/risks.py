"""The six risks: each a rule over what is known of a client, with its evidence.

A window of days ends now and is open where it begins: what is exactly so old has left it. What is
said of a risk holds until its numbers change, so days are told as dates, not as ages.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from services.journey.journeys.rules.facts import ID_SHOWN, Facts
from services.journey.journeys.rules.settings import JourneySettings, Thresholds
from services.journey.journeys.rules.standing import Standing
from services.journey.journeys.rules.vocabulary import DAY, SECOND, Finding, Micros, Risk, Stage


@dataclass(frozen=True, slots=True)
class _Case:
    """A client, the thresholds, and when they are compared."""

    standing: Standing
    limits: Thresholds
    now: Micros

    @property
    def facts(self) -> Facts:
        return self.standing.facts


def findings(standing: Standing, settings: JourneySettings, now: Micros) -> tuple[Finding, ...]:
    """The risks that hold now, in the order in which they are acted on."""
    by_rank = sorted(
        (rule.rank, risk) for risk, rule in settings.risks.items() if rule.enabled
    )  # risks of one rank by their numbers
    case = _Case(standing, settings.thresholds, now)
    looked_for = (_RULES[risk](case) for _, risk in by_rank)
    return tuple(finding for finding in looked_for if finding is not None)


def next_change(standing: Standing, settings: JourneySettings, now: Micros) -> Micros | None:
    """The first moment after now at which they may differ without any event; None for never."""
    case = _Case(standing, settings.thresholds, now)
    turns = [
        at
        for risk, of_risk in _TURNS.items()
        if settings.risks[risk].enabled
        for at in of_risk(case)
    ]
    if standing.pending_at is not None:
        turns.append(standing.pending_at)
    return min((at for at in turns if at > now), default=None)


def _low_engagement(case: _Case) -> Finding | None:
    if case.now < _low_from(case):
        return None
    days, least = case.limits.engagement_days, case.limits.engagement_min_events
    counted = sum(at > case.now - days * DAY for at in case.facts.newest)
    return Finding(
        Risk.LOW_ENGAGEMENT,
        f"{_count(counted, 'event')} in {days} days, fewer than {least}",
        {f"events_in_{days}_days": counted, "threshold": least},
        f"{_count(least, 'event')} within {days} days",
        since=_disengaged_since(case),
    )


def _late_invoices(case: _Case) -> Finding | None:
    overdue = case.facts.overdue
    if not overdue:
        return None
    since, oldest = min((at, invoice) for invoice, at in overdue.items())
    named = f" ({oldest[:ID_SHOWN]})" if oldest else ""
    told = f"{_count(len(overdue), 'invoice')} overdue and not paid"
    return Finding(
        Risk.LATE_INVOICES,
        f"{told}, the oldest{named} since {_date(since)}",
        {"overdue_invoices": len(overdue), "threshold": 1},
        "invoice_paid for each invoice that is overdue",
        since=since,
    )


def _negative_sentiment(case: _Case) -> Finding | None:
    looked_at, least = case.facts.negatives, case.limits.sentiment_min_negative
    negative = [at for at in looked_at if at]
    if len(negative) < least:
        return None
    return Finding(
        Risk.NEGATIVE_SENTIMENT,
        f"{len(negative)} of the last {_count(len(looked_at), 'event')} negative, {least} or more",
        {"negative_events": len(negative), "last_events": len(looked_at), "threshold": least},
        f"fewer than {least} negative among the last 10 events",
        since=_reached(negative, least),
    )


def _slow_project_progress(case: _Case) -> Finding | None:
    slow_from = _slow_from(case)
    if slow_from is None or case.now < slow_from:
        return None
    quiet, allowed = case.limits.project_milestone_days, _project_allowance(case)
    usual = round(allowed / DAY, 1)
    entered = f"In active_project since {_date(case.standing.stage_since)}"
    return Finding(
        Risk.SLOW_PROJECT_PROGRESS,
        f"{entered}, {usual:g} days or more, without a milestone in {quiet} days",
        {"threshold_days": usual, "milestone_days": quiet},
        "milestone_reached, or a move to another stage",
        since=slow_from,
    )


def _low_feature_usage(case: _Case) -> Finding | None:
    signals = case.standing.signals
    if signals is None or signals.feature_uses_p25 is None:
        return None
    uses, least = signals.feature_uses, signals.feature_uses_p25
    if uses >= least:
        return None
    told = f"{_count(uses, 'use')} of features in 30 days, fewer than {least:g}"
    return Finding(
        Risk.LOW_FEATURE_USAGE,
        f"{told}, the 25th percentile of active clients",
        {"feature_uses_in_30_days": uses, "threshold": least},
        f"{least:g} uses of features in 30 days, or more",
    )


def _high_support_tickets(case: _Case) -> Finding | None:
    days, least = case.limits.tickets_days, case.limits.tickets_min
    closed, opened = _tickets(case, min), case.facts.open_tickets
    counted = len(closed) + len(opened)
    if counted < least:
        return None
    told = f"{_count(counted, 'support ticket')} opened in {days} days or still open"
    return Finding(
        Risk.HIGH_SUPPORT_TICKETS,
        f"{told} ({len(opened)} open), {least} or more",
        {"tickets": counted, "open_tickets": len(opened), "threshold": least},
        f"fewer than {least} that are open or were opened in the last {days} days",
        since=_reached([*closed, *opened.values()], least),
    )


_RULES: Mapping[Risk, Callable[[_Case], Finding | None]] = {
    Risk.LOW_ENGAGEMENT: _low_engagement,
    Risk.LATE_INVOICES: _late_invoices,
    Risk.SLOW_PROJECT_PROGRESS: _slow_project_progress,
    Risk.NEGATIVE_SENTIMENT: _negative_sentiment,
    Risk.LOW_FEATURE_USAGE: _low_feature_usage,
    Risk.HIGH_SUPPORT_TICKETS: _high_support_tickets,
}


def _engagement_turns(case: _Case) -> Iterator[Micros]:
    """When it begins; from then on, when the events that are left in the window leave it."""
    begins = _low_from(case)
    yield begins
    for at in case.facts.newest[: case.limits.engagement_min_events - 1]:
        if (leaves := at + case.limits.engagement_days * DAY) > begins:
            yield leaves


def _project_turns(case: _Case) -> Iterator[Micros]:
    if (slow_from := _slow_from(case)) is not None:
        yield slow_from


def _ticket_turns(case: _Case) -> Iterator[Micros]:
    """When closed tickets leave the window; time alone never adds one."""
    closed = _tickets(case, max)
    if len(closed) + len(case.facts.open_tickets) >= case.limits.tickets_min:
        yield from (at + case.limits.tickets_days * DAY for at in closed)


_TURNS: Mapping[Risk, Callable[[_Case], Iterator[Micros]]] = {
    Risk.LOW_ENGAGEMENT: _engagement_turns,
    Risk.SLOW_PROJECT_PROGRESS: _project_turns,
    Risk.HIGH_SUPPORT_TICKETS: _ticket_turns,
}


def _low_from(case: _Case) -> Micros:
    """From when on there are too few events, if no more come: never in the first days."""
    newest, least = case.facts.newest, case.limits.engagement_min_events
    grace_ends = case.standing.known_since + case.limits.engagement_grace_days * DAY
    if len(newest) < least:
        return grace_ends
    return max(grace_ends, newest[least - 1] + case.limits.engagement_days * DAY)


def _disengaged_since(case: _Case) -> Micros | None:
    """When there last were enough events, if the newest that are kept tell it."""
    newest, window = case.facts.newest, case.limits.engagement_days * DAY
    grace_ends = case.standing.known_since + case.limits.engagement_grace_days * DAY
    for last, first in zip(newest, newest[case.limits.engagement_min_events - 1 :], strict=False):
        if last < first + window:
            return max(grace_ends, first + window)
    return grace_ends if len(newest) == case.facts.events else None


def _project_allowance(case: _Case) -> Micros:
    """The time in active_project that is not slow yet: the usual one, the least at any rate."""
    least, usual = case.limits.project_min_days * DAY, case.standing.norms.project_p75_seconds
    return least if usual is None else max(least, math.floor(usual * SECOND) + 1)


def _slow_from(case: _Case) -> Micros | None:
    """From when on the project is slow, if no milestone comes; None where there is none."""
    if case.standing.stage != Stage.ACTIVE_PROJECT:
        return None
    slow, milestone = case.standing.stage_since + _project_allowance(case), case.facts.milestone_at
    quiet = case.limits.project_milestone_days * DAY
    return slow if milestone is None else max(slow, milestone + quiet)


def _tickets(case: _Case, chosen: Callable[[Micros, Micros], Micros]) -> list[Micros]:
    """When the tickets that count though they are not open were opened.

    Each counts once, however often it was opened: by the chosen one of these moments.
    """
    begin, opened = case.now - case.limits.tickets_days * DAY, case.facts.open_tickets
    recent = [(at, ticket) for at, ticket in case.facts.openings if at > begin]
    unnamed = [at for at, ticket in recent if not ticket]
    named: dict[str, Micros] = {}
    for at, ticket in recent:
        if ticket and ticket not in opened:
            named[ticket] = chosen(at, named.get(ticket, at))
    return [*unnamed, *named.values()]


def _reached(moments: Iterable[Micros], least: int) -> Micros:
    """When there were so many of them at the latest."""
    return sorted(moments)[least - 1]


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _date(at: Micros) -> str:
    """The day, in UTC."""
    return datetime.fromtimestamp(at // SECOND, UTC).date().isoformat()
