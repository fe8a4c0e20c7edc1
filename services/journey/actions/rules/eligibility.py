"""Whether a client may be reached by an action now and, if not, from when on.

Of several reasons the lasting ones are told first, then the rest after a rejection, caps and quiet
hours. `until` looks through all of them: it is the first moment at which none holds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import IntEnum
from typing import NamedTuple

from services.journey.journeys.rules.settings import JourneySettings, QuietHours
from services.journey.journeys.rules.standing import Contact
from services.journey.journeys.rules.vocabulary import (
    DAY,
    SECOND,
    Action,
    Channel,
    Micros,
    Outcome,
)

REJECTIONS = frozenset({Outcome.IGNORED, Outcome.FAILED})
"""After one an action rests."""
RESTING_AT_NIGHT = frozenset({Channel.EMAIL, Channel.VOICE})

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_ONE_DAY = timedelta(days=1)
_DAYS_LOOKED_AT = 3
"""A wall time of today or tomorrow may be one that the clocks leap over."""


class Reason(IntEnum):
    """Why an action is not permitted; the numbers of the contract."""

    DO_NOT_CONTACT = 1
    QUIET_HOURS = 2
    CAP = 3
    COOLDOWN = 4
    DISABLED = 5


class Withheld(NamedTuple):
    """An action that is called for and not permitted."""

    action: Action
    reason: Reason
    until: Micros | None
    """None when that is not a matter of time."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What decides whether a client may be reached."""

    settings: JourneySettings
    zone: tzinfo
    do_not_contact: bool = False
    contacts: Sequence[Contact] = ()
    """The newest first."""


def withheld(action: Action, reach: Reach, now: Micros) -> Withheld | None:
    """Why the action is not permitted now; None when it is."""
    if not reach.settings.actions[action].enabled:
        return Withheld(action, Reason.DISABLED, None)
    if reach.do_not_contact:
        return Withheld(action, Reason.DO_NOT_CONTACT, None)
    held = _held(action, reach, now)
    if held is None:
        return None
    reason, until = held
    while (later := _held(action, reach, until)) is not None:
        until = later[1]
    return Withheld(action, reason, until)


def withheld_from(action: Action, reach: Reach, now: Micros) -> Micros | None:
    """When an action that is permitted now ceases to be by the clock alone; None for never."""
    hours = reach.settings.quiet_hours
    if not _rests_at_night(action, reach):
        return None
    return _next(now, hours, reach.zone, hours.from_minute, quiet=True)


def rests_until(
    action: Action, contacts: Sequence[Contact], days: int, at: Micros
) -> Micros | None:
    """Until when an action rests after its last rejection; None when it does not.

    Contacts come the newest first.
    """
    for one in contacts:
        if one.action == action and one.outcome in REJECTIONS:
            until = one.at + days * DAY
            return until if until > at else None
    return None


def _held(action: Action, reach: Reach, at: Micros) -> tuple[Reason, Micros] | None:
    """The first reason that is a matter of time, and when it ends."""
    contacts, settings = reach.contacts, reach.settings
    if (
        contacts
        and (until := rests_until(action, contacts, settings.cooldown_days, at)) is not None
    ):
        return Reason.COOLDOWN, until
    if settings.caps and (until := _capped(action, contacts, settings, at)) is not None:
        return Reason.CAP, until
    hours = settings.quiet_hours
    if _rests_at_night(action, reach) and _is_quiet(at, hours, reach.zone):
        return Reason.QUIET_HOURS, _next(at, hours, reach.zone, hours.to_minute, quiet=False)
    return None


def _capped(
    action: Action, contacts: Sequence[Contact], settings: JourneySettings, at: Micros
) -> Micros | None:
    """Until when a cap is reached; of several the one that lasts longest."""
    own = settings.actions[action].channel
    ends = [0]
    for cap in settings.caps:
        if cap.channel is not None and cap.channel != own:
            continue
        counted = [
            one.at
            for one in contacts
            if cap.channel is None or settings.actions[one.action].channel == cap.channel
        ]
        if len(counted) >= cap.max_contacts:  # the one that has to be so old for a place to be free
            ends.append(counted[cap.max_contacts - 1] + cap.days * DAY)
    until = max(ends)
    return until if until > at else None


def _rests_at_night(action: Action, reach: Reach) -> bool:
    hours = reach.settings.quiet_hours
    if hours.from_minute == hours.to_minute:
        return False
    return reach.settings.actions[action].channel in RESTING_AT_NIGHT


def _is_quiet(at: Micros, hours: QuietHours, zone: tzinfo) -> bool:
    """By the clock on the client's wall, which may show a time twice, or never."""
    wall = _moment(at).astimezone(zone)
    minute = wall.hour * 60 + wall.minute
    if hours.from_minute < hours.to_minute:
        return hours.from_minute <= minute < hours.to_minute
    return minute >= hours.from_minute or minute < hours.to_minute


def _next(now: Micros, hours: QuietHours, zone: tzinfo, minute: int, *, quiet: bool) -> Micros:
    """The first moment after now at which it is quiet, or is not, where it is not so now.

    That is when the wall shows the minute, or when the clocks are changed across it.
    """
    shown = [at for at in _shown(now, zone, minute) if _is_quiet(at, hours, zone) == quiet]
    first = min(shown)
    turn = _clocks_changed(now, first, zone)
    return turn if turn is not None and _is_quiet(turn, hours, zone) == quiet else first


def _shown(now: Micros, zone: tzinfo, minute: int) -> Iterator[Micros]:
    """The moments after now at which the wall shows this minute of the day."""
    today = _moment(now).astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    for day in range(_DAYS_LOOKED_AT):
        wall = (today + day * _ONE_DAY).replace(hour=minute // 60, minute=minute % 60)
        for fold in (0, 1):
            at = _micros(wall.replace(fold=fold))
            if at > now:
                yield at


def _clocks_changed(after: Micros, until: Micros, zone: tzinfo) -> Micros | None:
    """The second at which the clocks were changed between the two; None if they were not."""
    offset = _moment(after).astimezone(zone).utcoffset()
    if _moment(until).astimezone(zone).utcoffset() == offset:
        return None
    low, high = after // SECOND, -(-until // SECOND)
    while high - low > 1:
        middle = (low + high) // 2
        same = _moment(middle * SECOND).astimezone(zone).utcoffset() == offset
        low, high = (middle, high) if same else (low, middle)
    return high * SECOND


def _moment(at: Micros) -> datetime:
    return _EPOCH + timedelta(microseconds=at)


def _micros(moment: datetime) -> Micros:
    return (moment - _EPOCH) // _MICROSECOND
