"""What is known now, as pictures: from the service where it offers it, else from the roll-ups."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from footfall.events.v1.event_ingest_pb2 import ListSessionsRequest, Session, SessionEnd
from footfall.events.v1.event_ingest_pb2_grpc import EventIngestServiceStub
from services.cli.demo.cast import Organisation
from services.cli.demo.flights import CANCELLED, TIME_ZONE
from services.cli.terminal.pictures import Bar, bar_chart, calendar, column_chart, heat_line
from services.event_ingest.event_types.rules import BUILT_IN
from shared.bi import ReadOnly, UserActivity, Visits

_SHOWN_USERS = 8
_SHOWN_DAYS = 3
_SHOWN_SESSIONS = 4
_SESSIONS_WITHIN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Known:
    """The facts of all organisations together. Nobody in the product sees so much at once."""

    days: Mapping[date, int]
    cancelled: Mapping[date, int]
    hours: Mapping[int, int]
    busiest: list[tuple[str, UserActivity]]
    visits: Mapping[str, Visits]
    sessions: list[Session]

    @property
    def worst_days(self) -> list[tuple[date, float]]:
        """The days on which most was abandoned, by share."""
        shares = self.shares
        return sorted(shares.items(), key=lambda one: -one[1])[:_SHOWN_DAYS]

    @property
    def shares(self) -> dict[date, float]:
        """The part of each day's departures that was cancelled."""
        return {day: self.cancelled.get(day, 0) / count for day, count in self.days.items()}

    def as_json(self) -> dict[str, Any]:
        return {
            "days": len(self.days),
            "busiest_users": [
                {"organisation": code, "user_id": user.user_id, "events": user.events}
                for code, user in self.busiest
            ],
            "days_of_most_abandonment": [
                {"day": day.isoformat(), "share": round(share, 3)} for day, share in self.worst_days
            ],
            "sessions": sum(visits.sessions for visits in self.visits.values()),
            "events_in_sessions": sum(visits.events for visits in self.visits.values()),
        }


async def look(bi: ReadOnly, cast: Mapping[str, Organisation]) -> Known:
    """Ask for every organisation apart, as its own identity; then add up."""
    await _until_sessions_are_there(bi, cast)
    days: Counter[date] = Counter()
    cancelled: Counter[date] = Counter()
    hours: Counter[int] = Counter()
    users: list[tuple[str, UserActivity]] = []
    visits: dict[str, Visits] = {}
    for code, one in cast.items():
        days.update(await bi.days(one.org_id, TIME_ZONE))
        cancelled.update(await bi.days(one.org_id, TIME_ZONE, BUILT_IN[CANCELLED].type_id))
        hours.update(await bi.hours(one.org_id, TIME_ZONE))
        users += [(code, user) for user in await bi.busiest_users(one.org_id, _SHOWN_USERS)]
        visits[code] = await bi.visits(one.org_id)
    users.sort(key=lambda one: (-one[1].events, one[1].user_id))
    busiest = users[:_SHOWN_USERS]
    sessions = await _sessions(cast[busiest[0][0]], busiest[0][1].user_id) if busiest else []
    return Known(days, cancelled, hours, busiest, visits, sessions)


async def stored(bi: ReadOnly, cast: Mapping[str, Organisation]) -> dict[str, int]:
    """How many events each organisation has, counted one by one."""
    return {code: await bi.stored(one.org_id) for code, one in cast.items()}


def pictures(known: Known) -> Iterable[RenderableType]:
    """All of it, for people."""
    worst = ", ".join(f"{day:%d %b} {share:.0%}" for day, share in known.worst_days)
    yield _titled("Activity over time: departures a week", column_chart(known.days))
    yield _titled(
        "Abandoned: the part of each day's departures that was cancelled", calendar(known.shares),
        f"the worst days were {worst}",
    )  # fmt: skip
    line = heat_line([known.hours.get(hour, 0) for hour in range(24)])
    scale = Text("".join(f"{hour:<6}" for hour in range(0, 24, 3)), "dim")
    yield _titled("Hour of the day, in New York", line, scale)
    bars = [
        Bar(f"{code} {user.user_id}", user.events, f"on {user.days} days")
        for code, user in known.busiest
    ]
    yield _titled("Most active users: aircraft", bar_chart(bars))
    if known.sessions:
        yield _titled("Sessions", _visits(known), _sessions_table(known.sessions))


async def _until_sessions_are_there(bi: ReadOnly, cast: Mapping[str, Organisation]) -> None:
    """Sessions follow their events: wait until every event that has a user is in one."""
    deadline = time.monotonic() + _SESSIONS_WITHIN_SECONDS
    for one in cast.values():
        wanted = await bi.of_users(one.org_id)
        while (  # noqa: ASYNC110 - the database sends no word
            await bi.in_sessions(one.org_id) < wanted and time.monotonic() < deadline
        ):
            await asyncio.sleep(0.25)


async def _sessions(organisation: Organisation, user_id: str) -> list[Session]:
    """The last sessions of a user, as the service tells them."""
    request = ListSessionsRequest(user_id=user_id, page_size=_SHOWN_SESSIONS)
    caller = organisation.caller
    async with caller.channel() as channel:
        stub = EventIngestServiceStub(channel)
        return list((await stub.ListSessions(request, metadata=caller.metadata)).sessions)


def _titled(title: str, *pictures: RenderableType) -> RenderableType:
    return Group(Text(f"\n{title}", "italic"), *pictures)


def _visits(known: Known) -> RenderableType:
    sessions = sum(visits.sessions for visits in known.visits.values())
    events = sum(visits.events for visits in known.visits.values())
    users = sum(visits.users for visits in known.visits.values())
    return f"{events:,} events with a user make {sessions:,} sessions of {users:,} users; the last:"


def _sessions_table(sessions: list[Session]) -> RenderableType:
    table = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("user", "began (UTC)", "events", "lasted", "ended by", "features"):
        table.add_column(title)
    for one in sessions:
        ended = SessionEnd.Name(one.end)
        table.add_row(
            one.user_id,
            f"{one.started_at.ToDatetime():%Y-%m-%d %H:%M}",
            str(one.event_count),
            str(one.duration.ToTimedelta()),
            ended.removeprefix("SESSION_END_").lower().replace("_", " "),
            " ".join(one.tools_accessed),
        )
    return table
