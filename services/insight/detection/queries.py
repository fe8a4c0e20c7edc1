"""The SQL of snapshots: from roll-ups alone, in sets, with every bound computed before.

The organisation is counted from its hours, users and clients from their days. The many are read
through a cursor of the server's, so that what is in memory does not grow with them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum
from uuid import UUID

from services.insight.detection.rules.vocabulary import (
    ORGANISATION,
    Adoption,
    FeatureCounts,
    Population,
    Snapshot,
    Subject,
    SubjectKind,
    Window,
    Windows,
)
from shared.database import RawConnection, Row

_CHUNK = 500
_COUNTS = 7
"""Of a snapshot, beside those of its features."""


class _Type(IntEnum):
    """Numbers under which event-ingest stores the types that detectors tell apart."""

    FEATURE_USED = 2
    FEATURE_ABANDONED = 3
    VOICE_GENERATION = 5
    REPORT_GENERATED = 6
    TOOL_USAGE = 12


_USES = f"type_id IN ({_Type.FEATURE_USED.value}, {_Type.TOOL_USAGE.value})"
_ABANDONMENTS = f"type_id = {_Type.FEATURE_ABANDONED.value}"


@dataclass(frozen=True, slots=True)
class Days:
    """The first days of the windows of users and clients, and the one that is under way."""

    recent: date
    previous: date
    silent: date
    month: date
    busy: date
    last: date


_SELECT_TIME_ZONE = "SELECT time_zone FROM app.organisations WHERE org_id = %s"


def _sum(column: str, condition: str) -> str:
    return f"coalesce(sum({column}) FILTER (WHERE {condition}), 0)::bigint"


_IN_RECENT_HOURS = "hour >= %(recent)s"

_SELECT_HOURS = f"""
SELECT {_sum("events", _IN_RECENT_HOURS)},
  {_sum("events", "hour >= %(previous)s AND hour < %(recent)s")},
  {_sum("events", "hour >= %(silent)s")},
  {_sum("events", "hour < %(silent)s")},
  {_sum("events", f"type_id = {_Type.VOICE_GENERATION.value} AND hour >= %(month)s")},
  {_sum("events", f"type_id = {_Type.REPORT_GENERATED.value} AND hour >= %(month)s")},
  {_sum("events", f"{_ABANDONMENTS} AND {_IN_RECENT_HOURS}")}
FROM app.event_hourly WHERE org_id = %(org)s AND hour >= %(busy)s AND hour < %(end)s
"""  # noqa: S608 - only numbers of our own go in

_SELECT_FEATURES_OF_HOURS = f"""
SELECT feature, {_sum("events", _USES)}, {_sum("events", _ABANDONMENTS)}
FROM app.event_hourly WHERE org_id = %(org)s AND hour >= %(recent)s AND hour < %(end)s
  AND feature <> '' AND ({_USES} OR {_ABANDONMENTS})
GROUP BY feature
"""  # noqa: S608

_OF_DAYS = f"""{_sum("events", "day >= %(recent)s")},
  {_sum("events", "day >= %(previous)s AND day < %(recent)s")},
  {_sum("events", "day >= %(silent)s")}, {_sum("events", "day < %(silent)s")},
  {_sum("voice_generations", "day >= %(month)s")}, {_sum("reports", "day >= %(month)s")},
  {_sum("abandonments", "day >= %(recent)s")}"""

_WITHIN = "org_id = %(org)s AND day >= %(busy)s AND day <= %(last)s"

_SELECT_DAYS = {
    SubjectKind.USER: f"SELECT user_id, {_OF_DAYS} FROM app.user_day WHERE {_WITHIN}"  # noqa: S608
    " {and_one} GROUP BY user_id",
    SubjectKind.CLIENT: f"SELECT client_id, {_OF_DAYS} FROM app.client_day WHERE {_WITHIN}"  # noqa: S608
    " {and_one} GROUP BY client_id",
}
_AND_ONE = {
    SubjectKind.USER: "AND user_id = %(subject)s",
    SubjectKind.CLIENT: "AND client_id = %(subject)s",
}

# Of many subjects only features that somebody gave up: without that there is nothing to find.
_SELECT_FEATURES = """
SELECT subject_id, feature, sum(used)::bigint, sum(abandoned)::bigint
FROM app.feature_day WHERE org_id = %(org)s AND subject_kind = %(kind)s
  AND subject_id = ANY(%(subjects)s::text[]) AND day >= %(recent)s AND day <= %(last)s
GROUP BY subject_id, feature HAVING sum(abandoned) > 0 OR %(all)s::boolean
"""

# Each user once, by hashing: counting the distinct by sorting takes several times as long.
_SELECT_ACTIVE = """
SELECT count(*) FILTER (WHERE now), count(*) FILTER (WHERE before) FROM (
  SELECT bool_or(day >= %(recent)s) AS now, bool_or(day < %(recent)s) AS before
  FROM app.user_day WHERE org_id = %(org)s AND day >= %(previous)s AND day <= %(last)s
  GROUP BY user_id) AS users
"""

_SELECT_ADOPTIONS = """
SELECT feature, count(*) FILTER (WHERE now), count(*) FILTER (WHERE before) FROM (
  SELECT feature, bool_or(day >= %(recent)s) AS now, bool_or(day < %(recent)s) AS before
  FROM app.feature_day WHERE org_id = %(org)s AND subject_kind = 1 AND day >= %(previous)s
    AND day <= %(last)s AND used > 0
  GROUP BY feature, subject_id) AS users
GROUP BY feature ORDER BY feature
"""

# What happened on each day: (id, feature, day, count), by where it is counted.
_SELECT_TREND_OF_HOURS = """
SELECT '', '', (hour AT TIME ZONE %(zone)s::text)::date, sum(events)::bigint
FROM app.event_hourly WHERE org_id = %(org)s AND hour >= %(since)s AND hour < %(until)s GROUP BY 3
"""
_SELECT_FEATURE_TREND_OF_HOURS = f"""
SELECT '', feature, (hour AT TIME ZONE %(zone)s::text)::date, sum(events)::bigint
FROM app.event_hourly WHERE org_id = %(org)s AND hour >= %(since)s AND hour < %(until)s
  AND ({_USES} OR {_ABANDONMENTS}) AND feature = ANY(%(features)s::text[])
GROUP BY 2, 3
"""  # noqa: S608
_SELECT_TREND = {
    SubjectKind.USER: """
        SELECT user_id, '', day, events FROM app.user_day WHERE org_id = %(org)s
          AND user_id = ANY(%(subjects)s::text[]) AND day >= %(first)s AND day <= %(last)s
        """,
    SubjectKind.CLIENT: """
        SELECT client_id, '', day, events FROM app.client_day WHERE org_id = %(org)s
          AND client_id = ANY(%(subjects)s::text[]) AND day >= %(first)s AND day <= %(last)s
        """,
}
_SELECT_FEATURE_TREND = """
SELECT subject_id, feature, day, used + abandoned FROM app.feature_day WHERE org_id = %(org)s
  AND subject_kind = %(kind)s AND subject_id = ANY(%(subjects)s::text[])
  AND feature = ANY(%(features)s::text[]) AND day >= %(first)s AND day <= %(last)s
"""

_SELECT_FOLDED = """
SELECT coalesce((SELECT position FROM app.session_cursors WHERE org_id = %(org)s), 0)
"""
_SELECT_LOGGED = "SELECT coalesce(max(position), 0) FROM app.event_log WHERE org_id = %(org)s"

Daily = Mapping[tuple[str, str], Mapping[date, int]]
"""Counts of each day, by subject id and feature."""


async def select_time_zone(raw: RawConnection, org_id: UUID) -> str:
    """The zone in which the organisation's days begin."""
    row = await (await raw.execute(_SELECT_TIME_ZONE, (org_id,))).fetchone()
    return row[0] if row else "UTC"


async def select_organisation(raw: RawConnection, org_id: UUID, windows: Windows) -> Snapshot:
    """What the organisation did as a whole."""
    parameters = {
        "org": org_id,
        "recent": windows.recent.start,
        "previous": windows.previous.start,
        "silent": windows.silent.start,
        "month": windows.month.start,
        "busy": windows.busy.start,
        "end": windows.month.end,
    }
    counts = await (await raw.execute(_SELECT_HOURS.encode(), parameters)).fetchone()
    assert counts is not None
    features = await raw.execute(_SELECT_FEATURES_OF_HOURS.encode(), parameters)
    by_name = {row[0]: FeatureCounts(row[1], row[2]) for row in await features.fetchall()}
    return _snapshot(ORGANISATION, windows, counts, by_name)


async def select_subject(
    raw: RawConnection, org_id: UUID, subject: Subject, windows: Windows, days: Days
) -> Snapshot:
    """What one user or client did; zeros when nothing is known of it."""
    query = _SELECT_DAYS[subject.kind].format(and_one=_AND_ONE[subject.kind])
    cursor = await raw.execute(query.encode(), {**_of(org_id, days), "subject": subject.id})
    row = await cursor.fetchone() or (subject.id, *(0 for _ in range(_COUNTS)))
    (snapshot,) = await _snapshots(
        raw, org_id, subject.kind, [row], windows=windows, days=days, all_features=True
    )
    return snapshot


async def select_subjects(
    raw: RawConnection, org_id: UUID, kind: SubjectKind, windows: Windows, days: Days
) -> AsyncIterator[Sequence[Snapshot]]:
    """What each user or client did who did anything in the longest window, some at a time."""
    query = _SELECT_DAYS[kind].format(and_one="")
    async with raw.cursor(name=f"detection_{kind.value}") as cursor:
        await cursor.execute(query.encode(), _of(org_id, days))
        while rows := await cursor.fetchmany(_CHUNK):
            yield await _snapshots(raw, org_id, kind, rows, windows=windows, days=days)


async def select_population(
    raw: RawConnection, org_id: UUID, windows: Windows, days: Days
) -> Population:
    """How many users were active in both weeks, and how many used each feature."""
    active = await (await raw.execute(_SELECT_ACTIVE, _of(org_id, days))).fetchone()
    assert active is not None
    adoptions = await (await raw.execute(_SELECT_ADOPTIONS, _of(org_id, days))).fetchall()
    return Population(windows, active[0], active[1], [Adoption(*row) for row in adoptions])


async def select_trend_of_organisation(
    raw: RawConnection, org_id: UUID, window: Window, zone: str, features: Collection[str]
) -> Daily:
    """What the organisation did on each day, altogether and with each of the features."""
    parameters = {
        "org": org_id,
        "zone": zone,
        "since": window.start,
        "until": window.end,
        "features": list(features),
    }
    rows = await (await raw.execute(_SELECT_TREND_OF_HOURS, parameters)).fetchall()
    if features:
        of_features = await raw.execute(_SELECT_FEATURE_TREND_OF_HOURS.encode(), parameters)
        rows += await of_features.fetchall()
    return _by_day(rows)


async def select_trends(
    raw: RawConnection,
    org_id: UUID,
    kind: SubjectKind,
    subjects: Collection[Subject],
    first_and_last: tuple[date, date],
) -> Daily:
    """What each did on each day, altogether and with the features that are named with it."""
    parameters = {
        "org": org_id,
        "kind": kind.value,
        "subjects": sorted({one.id for one in subjects}),
        "features": sorted({one.feature for one in subjects if one.feature}),
        "first": first_and_last[0],
        "last": first_and_last[1],
    }
    rows = await (await raw.execute(_SELECT_TREND[kind], parameters)).fetchall()
    if parameters["features"]:
        rows += await (await raw.execute(_SELECT_FEATURE_TREND, parameters)).fetchall()
    return _by_day(rows)


async def select_logged(raw: RawConnection, org_id: UUID) -> int:
    """The newest position in the organisation's log."""
    row = await (await raw.execute(_SELECT_LOGGED, {"org": org_id})).fetchone()
    assert row is not None
    return int(row[0])


async def select_folded(raw: RawConnection, org_id: UUID) -> int:
    """Up to which position of the log features and clients are counted."""
    row = await (await raw.execute(_SELECT_FOLDED, {"org": org_id})).fetchone()
    assert row is not None
    return int(row[0])


async def _snapshots(
    raw: RawConnection,
    org_id: UUID,
    kind: SubjectKind,
    rows: Sequence[Row],
    *,
    windows: Windows,
    days: Days,
    all_features: bool = False,
) -> list[Snapshot]:
    subjects = [row[0] for row in rows]
    parameters = {
        **_of(org_id, days),
        "kind": kind.value,
        "subjects": subjects,
        "all": all_features,
    }
    features: dict[str, dict[str, FeatureCounts]] = defaultdict(dict)
    for subject, feature, used, abandoned in await (
        await raw.execute(_SELECT_FEATURES, parameters)
    ).fetchall():
        features[subject][feature] = FeatureCounts(used, abandoned)
    return [
        _snapshot(Subject(kind, row[0]), windows, row[1:], features.get(row[0], {})) for row in rows
    ]


def _snapshot(
    subject: Subject, windows: Windows, counts: Row, features: Mapping[str, FeatureCounts]
) -> Snapshot:
    recent, previous, silent, busy, voice, reports, abandoned = counts
    return Snapshot(
        subject, windows, recent, previous, silent, busy, voice, reports, abandoned, features
    )


def _of(org_id: UUID, days: Days) -> dict[str, UUID | date | datetime]:
    return {
        "org": org_id,
        "recent": days.recent,
        "previous": days.previous,
        "silent": days.silent,
        "month": days.month,
        "busy": days.busy,
        "last": days.last,
    }


def _by_day(rows: Sequence[Row]) -> Daily:
    counts: dict[tuple[str, str], dict[date, int]] = defaultdict(dict)
    for subject, feature, day, count in rows:
        counts[subject, feature][day] = count
    return counts
