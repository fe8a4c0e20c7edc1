"""A journey as a picture: stages as bars over time, below them what happened and when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from footfall.journey.v1.journey_pb2 import JourneyEvent, StageVisit
from footfall.journey.v1.tracking_pb2 import GetClientJourneyResponse
from services.cli.journey import words
from services.cli.terminal import blocks

_LABEL, _NOTE, _NARROWEST = 18, 28, 16
_DAY = len("2026-01-01")
_SHORTEST_IN_DAYS = 3 * 86_400


@dataclass(frozen=True, slots=True)
class Mark:
    """A kind of event that is marked: how it looks, what it is called."""

    sign: str
    word: str
    style: str


OVERDUE, PAID = Mark("✗", "overdue", "red"), Mark("✓", "paid", "green")
NEGATIVE, POSITIVE = Mark("-", "negative", "red"), Mark("+", "positive", "green")
OPENED, CLOSED = Mark("▲", "opened", "yellow"), Mark("▽", "closed", "green")
REACHED, UNUSUAL = Mark("◆", "reached", "bold cyan"), Mark("?", "unusual", "yellow")

_BY_TYPE = {
    "invoice_overdue": OVERDUE,
    "invoice_paid": PAID,
    "support_ticket_opened": OPENED,
    "support_ticket_closed": CLOSED,
    "milestone_reached": REACHED,
}
_FEELINGS = {"negative": NEGATIVE, "positive": POSITIVE}
_ROWS: Mapping[str, Sequence[Mark]] = {
    "milestones": (REACHED,),
    "invoices": (OVERDUE, PAID),
    "sentiment": (NEGATIVE, POSITIVE),
    "tickets": (OPENED, CLOSED),
    "moves": (UNUSUAL,),
}
"""Where several fall on one place, the first is shown."""


class Axis:
    """Time as columns of the picture."""

    def __init__(self, begin: float, end: float, columns: int) -> None:
        self.begin, self.columns = begin, columns
        self._span = max(end - begin, 1.0)

    def column(self, at: float) -> int:
        """Where a moment is."""
        place = int((at - self.begin) / self._span * self.columns)
        return max(0, min(self.columns - 1, place))

    def dates(self) -> str:
        """The days of both ends, and of the middle where there is room; of one day the times."""
        name = words.day if self._span >= _SHORTEST_IN_DAYS else words.clock
        places = [(0, 0.0)]
        if self.columns > 2 * _DAY:
            places.append((self.columns - _DAY, 1.0))
        if self.columns > 4 * _DAY:
            places.insert(1, ((self.columns - _DAY) // 2, 0.5))
        line = ""
        for place, share in places:
            stamp = Timestamp(seconds=int(self.begin + share * self._span))
            line = f"{line:{place}}{name(stamp):<{_DAY}}"
        return line


@dataclass(frozen=True, slots=True)
class Timeline:
    """The journey that an answer tells, as wide as there is room."""

    told: GetClientJourneyResponse

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        columns = max(_NARROWEST, options.max_width - _LABEL - 1 - _NOTE)
        axis = Axis(self._begin(), _seconds(self.told.as_of), columns)
        yield _line("", Text(axis.dates(), "dim"), axis, "")
        yield from self._stages(axis)
        if self.told.events:
            yield self._density(axis)
            yield from self._marked(axis)

    def _begin(self) -> float:
        visits = [_seconds(visit.entered_at) for visit in self._visits]
        events = [_seconds(one.event.occurred_at) for one in self.told.events]
        return min([*visits, *events, _seconds(self.told.as_of)])

    @property
    def _visits(self) -> Sequence[StageVisit]:
        """All of them; a client of which no event said a stage is where it is."""
        told = self.told
        here = StageVisit(stage=told.current_stage, entered_at=told.stage_since)
        return told.stages or [here]

    def _stages(self, axis: Axis) -> Iterator[Text]:
        """A line for each stage that the client came to, in their usual order."""
        times = {one.stage: one for one in self.told.time_in_stages}
        for stage in sorted({visit.stage for visit in self._visits}):
            visits = [visit for visit in self._visits if visit.stage == stage]
            notes = []
            if stage in times:
                notes.append(words.lasting(times[stage].seconds))
                if times[stage].visits > 1:
                    notes.append(f"{times[stage].visits} visits")
            if not visits[-1].HasField("left_at"):
                notes.append("now")
            drawn = Text(self._bars(visits, axis), words.STAGE_STYLES.get(stage, "cyan"))
            yield _line(words.stage(stage), drawn, axis, ", ".join(notes))

    def _bars(self, visits: Sequence[StageVisit], axis: Axis) -> str:
        cells = [" "] * axis.columns
        for visit in visits:
            here = not visit.HasField("left_at")
            first = axis.column(_seconds(visit.entered_at))
            last = axis.column(_seconds(self.told.as_of if here else visit.left_at))
            last = last if here else max(first, last - 1)
            cells[first : last + 1] = "█" * (last + 1 - first)
            cells[last] = "▶" if here else cells[last]
        return "".join(cells)

    def _density(self, axis: Axis) -> Text:
        """How many events there were when."""
        at = Counter(axis.column(_seconds(one.event.occurred_at)) for one in self.told.events)
        drawn = blocks.spark([at[column] for column in range(axis.columns)])
        note = f"{self.told.total_events:,}"
        if self.told.next_page_token:
            note += f", the first {len(self.told.events):,} shown"
        return _line("events", Text(drawn, "blue"), axis, note)

    def _marked(self, axis: Axis) -> Iterator[Text]:
        """What means something, a line for each kind."""
        found = [
            (axis.column(_seconds(one.event.occurred_at)), mark)
            for one in self.told.events
            for mark in marks(one.event, unusual=one.unusual)
        ]
        for name, kinds in _ROWS.items():
            counts = Counter(mark for _, mark in found if mark in kinds)
            if counts:
                note = ", ".join(f"{counts[m]:,} {m.word} {m.sign}" for m in kinds if counts[m])
                yield _line(name, _marks(kinds, found, axis), axis, note)


def marks(event: JourneyEvent, *, unusual: bool) -> Iterator[Mark]:
    """What an event is marked as."""
    if event.event_type in _BY_TYPE:
        yield _BY_TYPE[event.event_type]
    said = event.metadata.fields
    if "sentiment" in said and (felt := _FEELINGS.get(said["sentiment"].string_value)):
        yield felt
    if unusual:
        yield UNUSUAL


def _marks(kinds: Sequence[Mark], found: Sequence[tuple[int, Mark]], axis: Axis) -> Text:
    line = Text()
    for column in range(axis.columns):
        here = [mark for at, mark in found if at == column]
        shown = next((mark for mark in kinds if mark in here), None)
        line.append(shown.sign if shown else " ", shown.style if shown else "")
    return line


def _line(label: str, drawn: Text, axis: Axis, note: str) -> Text:
    line = Text(f"{label:{_LABEL}}", no_wrap=True, overflow="ellipsis")
    line.append_text(drawn).append(" " * (axis.columns - len(drawn.plain)))
    return line.append(f" {note}", "dim")


def _seconds(stamp: Timestamp) -> float:
    return stamp.seconds + stamp.nanos / 1e9
