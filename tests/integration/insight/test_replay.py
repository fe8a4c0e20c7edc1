"""The same events in any order, twice or late: the same counters, the same insights.

What should come out is reckoned here from the events themselves, in plain Python.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from footfall.events.v1 import event_pb2
from services.event_ingest.sessions.usecases import fold
from services.insight.detection.rules import windows
from services.insight.detection.rules.detect import detect, detect_adoption
from services.insight.detection.rules.settings import DetectorSettings
from services.insight.detection.rules.vocabulary import (
    ORGANISATION,
    Adoption,
    FeatureCounts,
    Finding,
    Fleet,
    Population,
    Snapshot,
    Subject,
    SubjectKind,
    Windows,
)
from services.insight.insights.rules.life import Wanted
from services.insight.insights.usecases import generate
from shared.database import Database
from tests.organisations import Organisation, add_organisation
from tests.postgres import MigratedDatabase
from tests.storing import event_at, store

NOON = datetime.now(UTC).replace(hour=12, minute=40, second=0, microsecond=0) - timedelta(days=1)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
ZONES = ("UTC", "Asia/Kathmandu", "America/New_York")
KINDS = {"page_view": 1, "feature_used": 2, "feature_abandoned": 3, "voice_generation": 5,
         "report_generated": 6, "tool_usage": 12, "revenue": 23}  # fmt: skip
USES = {"feature_used", "tool_usage"}
REFUND = event_pb2.REVENUE_KIND_REFUND


class Burst(NamedTuple):
    """The same thing, several times."""

    kind: str
    user: str
    client: str
    feature: str
    hours_ago: int
    times: int
    cost: int
    refund: bool


@dataclass(frozen=True)
class Fact:
    """An event as it is, whatever became of it in the store."""

    burst: Burst
    at: datetime
    local: datetime

    @property
    def hour(self) -> datetime:
        past = timedelta(minutes=self.local.minute, seconds=self.local.second)
        return (self.local.astimezone(UTC) - past).astimezone(UTC)

    @property
    def day(self) -> date:
        return self.local.date()

    @property
    def subjects(self) -> Iterator[tuple[int, str]]:
        if self.burst.user:
            yield 1, self.burst.user
        if self.burst.client:
            yield 2, self.burst.client


BURSTS = st.lists(
    st.builds(
        Burst,
        kind=st.sampled_from(sorted(KINDS)),
        user=st.sampled_from(["", "mia", "mia", "milo", "max"]),
        client=st.sampled_from(["", "phone-7", "phone-7", "pear"]),
        feature=st.sampled_from(["", "editor", "editor", "voice"]),
        hours_ago=st.one_of(st.integers(0, 15 * 24), st.integers(0, 65 * 24)),
        times=st.sampled_from([1, 3, 6, 11, 20, 21, 52, 150]),
        cost=st.sampled_from([0, 0, 700]),
        refund=st.booleans(),
    ),
    min_size=1,
    max_size=10,
)


def facts_of(bursts: Iterable[Burst], zone: str) -> list[tuple[Fact, event_pb2.Event]]:
    pairs = []
    for burst in bursts:
        for number in range(burst.times):
            moment = NOON - burst.hours_ago * HOUR - number * timedelta(seconds=7)
            fields: dict[str, Any] = {"cost": {"nanos": burst.cost}} if burst.cost else {}
            if burst.kind == "revenue":
                fields["revenue"] = {
                    "amount": {"currency_code": "EUR", "units": 3},
                    "kind": REFUND if burst.refund else event_pb2.REVENUE_KIND_PURCHASE,
                }
            sent = event_at(moment, burst.kind, user_id=burst.user, client_id=burst.client,
                            feature=burst.feature, **fields)  # fmt: skip
            pairs.append((Fact(burst, moment, moment.astimezone(ZoneInfo(zone))), sent))
    return pairs


@asynccontextmanager
async def opened(database: MigratedDatabase, login: str) -> Any:
    pool = Database(database.urls[login], application_name="test")
    await pool.open()
    yield pool
    await pool.close()


async def play(
    organisation: Organisation, sent: Sequence[event_pb2.Event], chance: random.Random
) -> None:
    """Shuffled, some twice, in commits of any size, folded now and then; then one run."""
    database = organisation.database
    stream = chance.sample(list(sent), len(sent))
    stream += chance.choices(stream, k=len(sent) // 3)
    async with opened(database, "footfall_event_ingest") as writer:
        while stream:
            size = chance.randrange(1, 400)
            await store(writer, organisation, once(stream[:size]))
            stream = stream[size:]
            if chance.random() < 0.4:
                await fold(writer, organisation.org_id)
        while await fold(writer, organisation.org_id):
            pass
    async with opened(database, "footfall_insight") as reader:
        answer = await generate(reader, organisation.tenant(), Wanted(as_of=NOON))
        assert answer.kept
        assert answer.complete


def once(batch: Iterable[event_pb2.Event]) -> list[event_pb2.Event]:
    """One statement must not hold an id twice; the service sees to that before."""
    return list({one.event_id: one for one in batch}.values())


def table(organisation: Organisation, name: str, key: str, counts: str) -> dict[Any, Any]:
    rows = organisation.database.execute(
        f"SELECT ({key}), ({counts}) FROM app.{name} WHERE org_id = %s", organisation.org_id
    )
    return dict(rows)


def text(*columns: object) -> str:
    """A row as Postgres writes it."""
    return "|".join(str(column) for column in columns)


def joined(*columns: str) -> str:
    return "concat_ws('|', " + ", ".join(f"({column})::text" for column in columns) + ")"


def expect_tables(organisation: Organisation, facts: Sequence[Fact]) -> None:
    hours: Counter[str] = Counter()
    days: dict[str, list[int]] = defaultdict(lambda: [0] * 5)
    features: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    clients: dict[str, list[int]] = defaultdict(lambda: [0] * 6)
    revenue: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for fact in facts:
        burst, used = fact.burst, fact.burst.kind in USES
        given_up = burst.kind == "feature_abandoned"
        spoken, told = burst.kind == "voice_generation", burst.kind == "report_generated"
        hours[text(int(fact.hour.timestamp()), KINDS[burst.kind], burst.feature)] += 1
        if burst.user:
            add(days[text(fact.day, burst.user)], 1, given_up, spoken, told, burst.cost)
        if burst.client:
            key = text(fact.day, burst.client)
            add(clients[key], 1, used, spoken, told, given_up, burst.cost)
        for kind, subject in fact.subjects:
            if burst.feature and (used or given_up):
                add(features[text(fact.day, kind, burst.feature, subject)], used, given_up)
        if burst.client and burst.kind == "revenue":
            amount = 3_000_000
            key = text(burst.client, "EUR", fact.day)
            add(revenue[key], not burst.refund, amount * (not burst.refund), amount * burst.refund)
    seconds = "extract(epoch FROM hour)::bigint"
    assert table(organisation, "event_hourly", joined(seconds, "type_id", "feature"), "events") == (
        hours
    )
    for name, expected, names, counts in (
        ("user_day", days, ("day", "user_id"),
         ("events", "abandonments", "voice_generations", "reports", "cost_nanos")),
        ("client_day", clients, ("day", "client_id"),
         ("events", "feature_uses", "voice_generations", "reports", "abandonments", "cost_nanos")),
        ("feature_day", features, ("day", "subject_kind", "feature", "subject_id"),
         ("used", "abandoned")),
        ("client_revenue_day", revenue, ("client_id", "currency", "day"),
         ("payments", "revenue_micros", "refund_micros")),
    ):  # fmt: skip
        found = table(organisation, name, joined(*names), joined(*counts))
        assert found == {one: text(*count) for one, count in expected.items()}, name


def add(counts: list[int], *more: int) -> None:
    counts[:] = [one + another for one, another in zip(counts, more, strict=True)]


def expected_findings(facts: Sequence[Fact], zone: str) -> Iterator[Finding]:
    hourly, daily = windows.hourly(NOON, zone), windows.daily(NOON, zone)
    thresholds = DetectorSettings()
    whole = snapshot(ORGANISATION, hourly, [(fact, fact.hour) for fact in facts])
    yield from detect(whole, thresholds).findings
    yield from detect_adoption(population(facts, daily, zone), thresholds).findings
    fleet = Fleet(whole.recent, whole.previous)
    for kind in (SubjectKind.USER, SubjectKind.CLIENT):
        for subject in {one for fact in facts for of, one in fact.subjects if of == kind}:
            own = [
                (fact, windows.midnight(fact.day, zone))
                for fact in facts
                if (kind.value, subject) in fact.subjects
            ]
            yield from detect(
                snapshot(Subject(kind, subject), daily, own), thresholds, fleet
            ).findings


def snapshot(subject: Subject, of: Windows, placed: Sequence[tuple[Fact, datetime]]) -> Snapshot:
    """Counted event by event; each stands where its hour, or its day, begins."""

    def within(start: datetime, end: datetime) -> list[Burst]:
        return [fact.burst for fact, place in placed if start <= place < end]

    recent = within(of.recent.start, of.silent.end)
    kinds = Counter(burst.kind for burst in within(of.month.start, of.month.end))
    uses: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for burst in recent:
        if burst.feature and (burst.kind in USES or burst.kind == "feature_abandoned"):
            add(uses[burst.feature], burst.kind in USES, burst.kind == "feature_abandoned")
    return Snapshot(
        subject,
        of,
        recent=len(recent),
        previous=len(within(of.previous.start, of.previous.end)),
        silent=len(within(of.silent.start, of.silent.end)),
        busy=len(within(of.busy.start, of.busy.end)),
        voice=kinds["voice_generation"],
        reports=kinds["report_generated"],
        abandoned=sum(burst.kind == "feature_abandoned" for burst in recent),
        features={feature: FeatureCounts(*counts) for feature, counts in uses.items()},
    )


def population(facts: Sequence[Fact], of: Windows, zone: str) -> Population:
    weeks: tuple[list[Fact], list[Fact]] = ([], [])
    for fact in facts:
        place = windows.midnight(fact.day, zone)
        if fact.burst.user and of.previous.start <= place < of.silent.end:
            weeks[place < of.recent.start].append(fact)
    users = [{fact.burst.user for fact in week} for week in weeks]
    adopters = [
        {(fact.burst.feature, fact.burst.user) for fact in week if fact.burst.kind in USES}
        for week in weeks
    ]
    features = sorted({feature for week in adopters for feature, _ in week if feature})
    counted = [
        [sum(one == feature for one, _ in week) for week in adopters] for feature in features
    ]
    return Population(
        of,
        len(users[0]),
        len(users[1]),
        [Adoption(feature, *counts) for feature, counts in zip(features, counted, strict=True)],
    )


def expect_insights(organisation: Organisation, findings: Iterable[Finding]) -> None:
    rows = organisation.database.execute(
        "SELECT insight_type, subject_kind, subject_id, feature, severity, evidence ->> 'rule',"
        " confidence FROM app.insights WHERE org_id = %s",
        organisation.org_id,
    )
    assert sorted(rows) == sorted(
        (one.insight_type.value, one.subject.kind.value, one.subject.id, one.subject.feature,
         one.severity.value, one.rule, one.confidence)
        for one in findings
    )  # fmt: skip


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(bursts=BURSTS, zone=st.sampled_from(ZONES), seed=st.integers(0, 2**32))
def test_order_repetition_and_delay_cannot_be_told_from_counters_and_insights(
    database: MigratedDatabase, bursts: list[Burst], zone: str, seed: int
) -> None:
    organisation = add_organisation(database)
    organisation.set("time_zone", zone)
    pairs = facts_of(bursts, zone)
    facts = [fact for fact, _ in pairs]
    asyncio.run(play(organisation, [sent for _, sent in pairs], random.Random(seed)))
    expect_tables(organisation, facts)
    expect_insights(organisation, expected_findings(facts, zone))


def test_the_oracle_would_notice(database: MigratedDatabase) -> None:
    """One event more than what was stored, and everything differs."""
    organisation = add_organisation(database)
    burst = Burst("feature_abandoned", "mia", "phone-7", "editor", 30, 6, 0, refund=False)
    pairs = facts_of([burst], "UTC")
    asyncio.run(play(organisation, [sent for _, sent in pairs], random.Random(1)))
    facts = [fact for fact, _ in pairs]
    expect_tables(organisation, facts)
    expect_insights(organisation, expected_findings(facts, "UTC"))
    more = [*facts, replace(facts[0])]
    noticing: list[Callable[[], None]] = [
        lambda: expect_tables(organisation, more),
        lambda: expect_insights(organisation, expected_findings(more, "UTC")),
    ]
    for expect in noticing:
        with pytest.raises(AssertionError):
            expect()
