"""The next best action and what actions came to, for people to read."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from footfall.journey.v1.actions_pb2 import (
    Estimate,
    ExpectedEffect,
    GetActionReportResponse,
    GetNextBestActionResponse,
    LearntAction,
    Recommendation,
    RecordActionOutcomeResponse,
    WithheldAction,
    WithheldReason,
)
from footfall.journey.v1.journey_pb2 import Action, Channel, Priority
from services.cli.journey import views, words
from services.cli.terminal.sized import NARROW, Sized
from services.cli.terminal.tables import table

_INDENT = 2
_SCALE, _SHORT = 20, 10
"""Characters of a line from 0 to 1."""
_COLUMNS = ("accepted", "succeeded", "ignored", "failed")


def advice(told: GetNextBestActionResponse, client_id: str) -> RenderableType:
    """What to do, why, what else, what not now, and what the answer rests on."""
    head = Text().append(client_id, "bold").append(": ").append_text(views.stage(told.stage))
    head.append(f", score {told.score:g} of 100, level ").append_text(views.level(told.risk_level))
    parts: list[RenderableType] = [head.append(f"  as of {words.time(told.as_of)}", "dim"), ""]
    parts += _recommended(told)
    if told.withheld:
        parts += ["", Text("not now", "italic"), *map(_withheld, told.withheld)]
    return Group(*parts, "", *_rests_on(told))


def _recommended(told: GetNextBestActionResponse) -> Iterator[RenderableType]:
    if not told.HasField("action"):
        yield Text("Nothing is due.", "dim")
        return
    yield _one(told.action)
    if told.alternatives:
        yield Text("\nelse", "italic")
        yield from map(_one, told.alternatives)


def _one(one: Recommendation) -> RenderableType:
    best = one.rank == 1
    line = Text().append("→ " if best else "  ", "green")
    line.append(words.action(one.action), "bold green" if best else "bold")
    line.append(
        f", {words.read(Priority, one.priority)}", words.PRIORITY_STYLES.get(one.priority, "")
    )
    line.append(f", by {words.read(Channel, one.channel)}", "dim")
    details: list[RenderableType] = [Text(one.reason)]
    details += [Text(f"· {reason}", "dim") for reason in one.evidence]
    return Group(line, Padding(Group(*details, _expected(one.expected_effect)), (0, 0, 0, _INDENT)))


def _expected(effect: ExpectedEffect) -> Text:
    behind = f"{effect.outcomes:,.3g} outcomes behind it" if effect.outcomes else "the rules' guess"
    line = Text().append("taken up ", "dim")
    line.append_text(interval(effect.mean, effect.lower, effect.upper))
    return line.append(f" {effect.mean:.0%}", "bold cyan").append(
        f" ({effect.lower:.0%}…{effect.upper:.0%}), {behind}", "dim"
    )


def interval(mean: float, lower: float, upper: float, width: int = _SCALE) -> Text:
    """From 0 to 1 on a line: where it lies, and within which ends."""
    first, at, last = (min(width - 1, int(max(0.0, end) * width)) for end in (lower, mean, upper))
    cells = ["·"] * width
    cells[first : last + 1] = "─" * (last + 1 - first)
    cells[at] = "●"
    return Text("".join(cells), "cyan")


def _withheld(one: WithheldAction) -> RenderableType:
    line = Text("  ").append(words.action(one.action), "bold")
    line.append(f": {words.read(WithheldReason, one.reason)}")
    return line.append(f", until {words.time(one.until)}") if one.HasField("until") else line


def _rests_on(told: GetNextBestActionResponse) -> Iterator[RenderableType]:
    """Risks, signals, and who decided about the order."""
    risks = ", ".join(words.risk(one.risk) for one in told.risks)
    yield Text(f"risks: {risks or 'none'}", "dim")
    yield Text(_signals(told), "dim")
    by = f"what was learnt, version {told.policy_version}" if told.policy_version else "the rules"
    apart = ", held out to measure learning" if told.held_out else ""
    asked = f"; ask again at {words.time(told.expires_at)}" if told.HasField("expires_at") else ""
    yield Text(f"ordered by {by}{apart}{asked}", "dim")


def _signals(told: GetNextBestActionResponse) -> str:
    if not told.signals_available:
        return f"no signals: {views.UNKNOWN_USE}"
    if not told.HasField("signals_age_seconds"):
        return "signals as they were then"
    stale = ", older than is called fresh" if told.signals_stale else ""
    return f"signals {words.lasting(told.signals_age_seconds)} old{stale}"


def how_to_record(told: GetNextBestActionResponse, client_id: str) -> str:
    """The command that says what came of it, to be copied; empty when there is nothing to say."""
    if not told.decision_token or not client_id.isprintable():
        return ""
    action = words.typed(Action, told.action.action)
    given = ["--token", told.decision_token, "--", client_id, action, "accepted"]
    return shlex.join(["footfall", "journey", "outcome", *given])


def recorded(told: RecordActionOutcomeResponse) -> RenderableType:
    """That it is kept, and what follows."""
    verb = "replaced an earlier one of the same decision" if told.replaced else "recorded"
    line = Text().append(verb, "green").append(f"  {told.outcome_id}", "dim")
    if told.HasField("cooldown_until"):
        line.append(
            f"\nnot recommended for this client again until {words.time(told.cooldown_until)}"
        )
    return line


def report(told: GetActionReportResponse) -> RenderableType:
    """How well actions work, what learning adds, what the rules alone would have reached."""
    parts: list[RenderableType] = [
        _numbers(told) if told.actions else Text("No outcome was recorded.", "dim"), ""
    ]  # fmt: skip
    if told.HasField("uplift"):
        parts.append(_uplift(told))
    if told.HasField("off_policy"):
        check = told.off_policy
        parts.append(
            _estimates("the rules alone, by inverse propensity", (
                ("as it was", check.logged), ("the rules", check.rules),
            ), f"effectively {check.effective_n:,.0f} decisions")
        )  # fmt: skip
    if told.learnt:
        parts.append(_learnt(told.learnt))
    return Group(*parts, _learning(told))


def _numbers(told: GetActionReportResponse) -> RenderableType:
    return Sized(lambda width: _in_lines(told) if width < NARROW else _in_columns(told))


def _in_lines(told: GetActionReportResponse) -> RenderableType:
    """Words alone."""
    lines = []
    for one in told.actions:
        counts = ", ".join(f"{getattr(one, name):,} {name}" for name in _COLUMNS)
        line = Text().append(words.action(one.action), "bold").append(f": {counts}; taken up ")
        lines.append(line.append_text(_in_numbers(one.taken_up)))
    return Group(*lines)


def _in_columns(told: GetActionReportResponse) -> RenderableType:
    rows = table("action", *_COLUMNS, "taken up", "", right=_COLUMNS, whole=["taken up", ""])
    for one in told.actions:
        counts = (Text(f"{getattr(one, name):,}") for name in _COLUMNS)
        rows.add_row(
            Text(words.action(one.action), "bold"), *counts, *_estimate(one.taken_up, _SHORT)
        )
    return rows


def _estimate(one: Estimate, width: int = _SCALE) -> tuple[Text, Text]:
    """A share, as a picture and in numbers."""
    if not one.n:
        return Text("-", "dim"), Text("")
    return interval(one.value, one.lower, one.upper, width), _in_numbers(one)


def _in_numbers(one: Estimate) -> Text:
    if not one.n:
        return Text("-", "dim")
    line = Text().append(f"{one.value:4.0%}", "bold cyan")
    return line.append(f" {one.lower:.0%}…{one.upper:.0%}", "dim")


def _uplift(told: GetActionReportResponse) -> RenderableType:
    uplift = told.uplift
    found = uplift.difference
    sure = "" if uplift.conclusive else ", which may be chance"
    end = f"learning adds {found.value:+.1%} ({found.lower:+.1%}…{found.upper:+.1%}){sure}"
    shares = (("with learning", uplift.learnt), ("held out", uplift.held_out))
    return _estimates("what learning adds", shares, end)


def _estimates(title: str, shares: Iterable[tuple[str, Estimate]], end: str) -> RenderableType:
    kept = list(shares)

    def rows(width: int) -> Table:
        made = Table.grid(padding=(0, 1))
        for name, one in kept:
            found = [_in_numbers(one)] if width < NARROW else _estimate(one)
            made.add_row(Text(name), *found, Text(words.counted(one.n, "decision"), "dim"))
        return made

    return Group(Text(title, "italic"), Sized(rows), Text(end), "")


def _learnt(found: Sequence[LearntAction]) -> RenderableType:
    def rows(width: int) -> Table:
        pictures = [""] if width >= NARROW else []
        made = table("believed of", "segment", *pictures, "", "outcomes", right=["outcomes"])
        for one in found:
            effect = one.effect
            made.add_row(
                Text(words.action(one.action), "bold"),
                Text(one.segment or "all"),
                *(interval(effect.mean, effect.lower, effect.upper) for _ in pictures),
                Text(f"{effect.mean:4.0%}", "bold cyan"),
                Text(f"{effect.outcomes:,.1f}"),
            )
        return made

    return Group(Sized(rows), "")


def _learning(told: GetActionReportResponse) -> Text:
    if told.learning:
        state = f"it learns: version {told.policy_version}"
    elif told.missing_outcomes:
        state = f"it does not learn yet: {told.missing_outcomes:,} more outcomes are needed"
    else:
        state = "it does not learn: the settings say so"
    apart = f"{told.held_out_share:.1%} of clients held out"
    return Text(f"{state}\n{apart}; as of {words.time(told.as_of)}", "dim")
