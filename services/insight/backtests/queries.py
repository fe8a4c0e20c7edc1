"""The SQL of history: days of subjects, from roll-ups alone, some subjects at a time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from uuid import UUID

from services.insight.detection.rules.vocabulary import SubjectKind
from shared.database import RawConnection, Row


class _Type(IntEnum):
    """Numbers under which event-ingest stores the types that detectors tell apart."""

    FEATURE_USED = 2
    FEATURE_ABANDONED = 3
    VOICE_GENERATION = 5
    REPORT_GENERATED = 6
    TOOL_USAGE = 12


@dataclass(frozen=True, slots=True)
class Days:
    """Days of one organisation, in its time zone, from the first to before the last."""

    org_id: UUID
    zone: str
    first: date
    until: date


_SELECT_TIME_ZONE = "SELECT time_zone FROM app.organisations WHERE org_id = %s"

_SELECT_FIRST_DAY = """
SELECT (min(hour) AT TIME ZONE %(zone)s::text)::date FROM app.event_hourly WHERE org_id = %(org)s
"""

_COUNT_SUBJECTS = {
    SubjectKind.USER: """
SELECT count(DISTINCT user_id) FROM app.user_day
WHERE org_id = %(org)s AND day >= %(first)s AND day < %(until)s""",
    SubjectKind.CLIENT: """
SELECT count(DISTINCT client_id) FROM app.client_day
WHERE org_id = %(org)s AND day >= %(first)s AND day < %(until)s""",
}

# An hour's day is that of its beginning; the bounds in hours are a little wide, the days decide.
_SELECT_HOURS = """
SELECT day, feature, sum(events)::bigint,
  coalesce(sum(events) FILTER (WHERE type_id = %(voice)s), 0)::bigint,
  coalesce(sum(events) FILTER (WHERE type_id = %(report)s), 0)::bigint,
  coalesce(sum(events) FILTER (WHERE type_id = ANY(%(uses)s::integer[])), 0)::bigint,
  coalesce(sum(events) FILTER (WHERE type_id = %(abandoned)s), 0)::bigint
FROM (
  SELECT (hour AT TIME ZONE %(zone)s::text)::date AS day, feature, type_id, events
  FROM app.event_hourly WHERE org_id = %(org)s
    AND hour >= (%(first)s::date - 1)::timestamp AT TIME ZONE 'UTC'
    AND hour < (%(until)s::date + 1)::timestamp AT TIME ZONE 'UTC') AS hours
WHERE day >= %(first)s AND day < %(until)s GROUP BY day, feature
"""

_SELECT_SUBJECTS = {
    SubjectKind.USER: """
SELECT user_id, array_agg(day - %(first)s::date), array_agg(events),
  array_agg(voice_generations), array_agg(reports), array_agg(abandonments)
FROM app.user_day
WHERE org_id = %(org)s AND user_id > %(after)s::text AND day >= %(first)s AND day < %(until)s
GROUP BY user_id ORDER BY user_id LIMIT %(limit)s""",
    SubjectKind.CLIENT: """
SELECT client_id, array_agg(day - %(first)s::date), array_agg(events),
  array_agg(voice_generations), array_agg(reports), array_agg(abandonments)
FROM app.client_day
WHERE org_id = %(org)s AND client_id > %(after)s::text AND day >= %(first)s AND day < %(until)s
GROUP BY client_id ORDER BY client_id LIMIT %(limit)s""",
}

_SELECT_FEATURES = """
SELECT subject_id, feature, array_agg(day - %(first)s::date), array_agg(used),
  array_agg(abandoned)
FROM app.feature_day
WHERE org_id = %(org)s AND subject_kind = %(kind)s AND subject_id = ANY(%(subjects)s::text[])
  AND day >= %(first)s AND day < %(until)s
GROUP BY subject_id, feature
"""


async def select_time_zone(raw: RawConnection, org_id: UUID) -> str:
    """That of the organisation."""
    row = await (await raw.execute(_SELECT_TIME_ZONE, (org_id,))).fetchone()
    assert row is not None
    return str(row[0])


async def select_first_day(raw: RawConnection, org_id: UUID, zone: str) -> date | None:
    """The first day that anything happened on; None when nothing ever did."""
    cursor = await raw.execute(_SELECT_FIRST_DAY, {"org": org_id, "zone": zone})
    row = await cursor.fetchone()
    return None if row is None else row[0]


async def select_number(raw: RawConnection, days: Days, kind: SubjectKind) -> int:
    """How many users, or clients, did anything."""
    row = await (await raw.execute(_COUNT_SUBJECTS[kind], _bounds(days))).fetchone()
    assert row is not None
    return int(row[0])


async def select_hours(raw: RawConnection, days: Days) -> Sequence[Row]:
    """The organisation's: day, feature, events, voice, reports, uses, abandonments."""
    types = {
        "voice": _Type.VOICE_GENERATION.value,
        "report": _Type.REPORT_GENERATED.value,
        "abandoned": _Type.FEATURE_ABANDONED.value,
        "uses": [_Type.FEATURE_USED.value, _Type.TOOL_USAGE.value],
        "zone": days.zone,
    }
    return await (await raw.execute(_SELECT_HOURS, {**_bounds(days), **types})).fetchall()


async def select_subjects(
    raw: RawConnection, days: Days, kind: SubjectKind, *, after: str, limit: int
) -> Sequence[Row]:
    """The next by id, with lists: days, events, voice, reports, abandonments."""
    bounds = {**_bounds(days), "after": after, "limit": limit}
    return await (await raw.execute(_SELECT_SUBJECTS[kind], bounds)).fetchall()


async def select_features(
    raw: RawConnection, days: Days, kind: SubjectKind, subjects: Collection[str]
) -> Sequence[Row]:
    """Of these: id, feature and lists: days, uses, abandonments."""
    bounds = {**_bounds(days), "kind": kind.value, "subjects": list(subjects)}
    return await (await raw.execute(_SELECT_FEATURES, bounds)).fetchall()


def _bounds(days: Days) -> dict[str, object]:
    return {"org": days.org_id, "first": days.first, "until": days.until}
