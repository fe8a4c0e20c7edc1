"""Sessions do not depend on how their events arrived: any order, any batches, against an oracle."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.event_ingest.sessions import rules
from services.event_ingest.sessions.rules import End, Key, Repair, Session, end_by, split

KEY = Key("mia", "")
MINUTE = 60_000_000
START = 1_700_000_000_000_000
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Fact(NamedTuple):
    """An event, as the oracle sees it."""

    number: int
    moment_us: int
    logout: bool = False
    feature: str = ""
    browser: str = ""

    @property
    def event_id(self) -> UUID:
        return UUID(int=self.number)

    def session(self) -> Session:
        return Session(
            self.moment_us,
            self.moment_us,
            points=self.number,
            tools={self.feature: (1, self.moment_us)} if self.feature else {},
            device={"browser": (self.moment_us, self.browser)} if self.browser else {},
            end=End.LOGOUT if self.logout else End.UNSPECIFIED,
        )


def oracle(facts: Iterable[Fact]) -> list[Session]:
    """The definition, said again from the start and without cleverness."""
    groups: list[list[Fact]] = []
    begun: list[str] = []
    for fact in sorted(facts, key=lambda one: one.moment_us):
        previous = groups[-1][-1] if groups else None
        if previous is None:
            reason = "first"
        elif fact.moment_us - previous.moment_us >= 30 * MINUTE:
            reason = "idle"
        elif any(f.logout for f in groups[-1]) and fact.moment_us > previous.moment_us:
            reason = "logout"
        elif fact.moment_us - groups[-1][0].moment_us >= 24 * 60 * MINUTE:
            reason = "length"
        else:
            groups[-1].append(fact)
            continue
        groups.append([fact])
        begun.append(reason)
    return [
        summed(group, after) for group, after in zip(groups, [*begun[1:], "nothing"], strict=True)
    ]


def summed(group: Sequence[Fact], after: str) -> Session:
    tools = {}
    for name, count in Counter(fact.feature for fact in group if fact.feature).items():
        tools[name] = (count, min(fact.moment_us for fact in group if fact.feature == name))
    said = [(fact.moment_us, fact.browser) for fact in group if fact.browser]
    logout = any(fact.logout for fact in group)
    return Session(
        group[0].moment_us,
        group[-1].moment_us,
        len(group),
        points=sum(fact.number for fact in group),
        tools=tools,
        device={"browser": min(said)} if said else {},
        end=End.LOGOUT if logout else End.MAX_LENGTH if after == "length" else End.UNSPECIFIED,
        stored=True,
    )


class Store:
    """Rows as the database keeps them, and the look-ups that queries.py does there."""

    def __init__(self) -> None:
        self.rows: dict[int, Session] = {}
        self.facts: list[Fact] = []
        self.taken_apart = 0

    def fold(self, facts: Sequence[Fact]) -> None:
        repair = Repair(KEY, {fact.event_id: fact.session() for fact in facts})
        self.facts += facts
        self._tell(repair, repair.spans())
        while not (found := repair.split()).final:
            for session in found.apart:
                repair.take_apart(session)
                repair.tell(self._inside(session))
                self.taken_apart += 1
            cut_or_moved = (*found.apart, *found.onward)
            self._tell(repair, [s for one in cut_or_moved for s in repair.look_after(one)])
        for started_us in repair.gone(found.sessions):
            del self.rows[started_us]
        for session in found.sessions:
            session.stored = True
            self.rows[session.started_us] = session

    def _tell(self, repair: Repair, spans: Iterable[rules.Span]) -> None:
        for span in spans:
            for session in self._near(span):
                repair.know(session)

    def _inside(self, session: Session) -> dict[UUID, Session]:
        return {
            fact.event_id: fact.session()
            for fact in self.facts
            if session.started_us <= fact.moment_us <= session.last_us
        }

    def _near(self, span: rules.Span) -> list[Session]:
        before = [start for start in self.rows if start <= span.from_us]
        inside = [start for start in self.rows if span.from_us < start < span.to_us]
        return [copy(self.rows[start]) for start in (*sorted(before)[-1:], *inside)]


def copy(session: Session) -> Session:
    return Session(
        session.started_us,
        session.last_us,
        session.events,
        session.exports,
        session.points,
        dict(session.tools),
        dict(session.device),
        session.end,
        stored=True,
    )


def in_minutes(*minutes: float, logout: Iterable[float] = ()) -> list[Fact]:
    return [
        Fact(number, START + round(minute * MINUTE), minute in logout, feature=f"f{number % 3}")
        for number, minute in enumerate(minutes)
    ]


def folded(facts: Sequence[Fact], *batches: Sequence[int]) -> Store:
    store = Store()
    for batch in batches or [range(len(facts))]:
        store.fold([facts[index] for index in batch])
    return store


def rows(store: Store) -> list[Session]:
    return [store.rows[start] for start in sorted(store.rows)]


SHORT = (0, 1 / MINUTE, 0.5, 10, 25, 29, 29.5, 30 - 1 / MINUTE)
LONG = (30, 30 + 1 / MINUTE, 45, 300)


@st.composite
def histories(draw: st.DrawFn) -> list[Fact]:
    """Up to five days; with few pauses, so that the 24 hours have their say, or with many."""
    gaps = st.sampled_from(SHORT + draw(st.sampled_from([(), (), LONG, LONG * 5])))
    gaps = st.one_of(gaps, st.just(29.0))
    logouts = draw(st.sampled_from([0, 0, 1, 20]))  # among a hundred events
    happened = st.tuples(
        gaps,
        st.integers(1, 100),
        st.sampled_from(["", "", "voice", "report", "map"]),
        st.sampled_from(["", "", "", "Firefox", "Chrome"]),
    )
    facts: list[Fact] = []
    moment = 0.0
    for gap, dice, feature, browser in draw(st.lists(happened, min_size=1, max_size=300)):
        moment += gap
        logout = dice <= logouts
        facts.append(Fact(len(facts) + 1, START + round(moment * MINUTE), logout, feature, browser))
    return facts


@given(histories(), st.integers(1, 12), st.randoms(use_true_random=False))
def test_any_order_and_any_batches_give_the_sessions_that_all_events_at_once_give(
    facts: list[Fact], batches: int, chance: random.Random
) -> None:
    shuffled = list(facts)
    if chance.random() < 0.8:
        chance.shuffle(shuffled)
    store = Store()
    cuts = sorted(chance.randrange(len(facts) + 1) for _ in range(batches - 1))
    for since, until in zip([0, *cuts], [*cuts, len(facts)], strict=True):
        if since < until:
            store.fold(shuffled[since:until])
    assert rows(store) == oracle(facts)


def test_thirty_minutes_without_an_event_end_a_session_and_a_microsecond_less_does_not() -> None:
    assert len(rows(folded(in_minutes(0, 30)))) == 2
    assert len(rows(folded(in_minutes(0, 30 - 1 / MINUTE)))) == 1


def test_a_late_event_between_two_sessions_makes_them_one() -> None:
    store = folded(in_minutes(0, 40, 20), [0, 1], [2])
    assert [(one.events, one.last_us - one.started_us) for one in rows(store)] == [(3, 40 * MINUTE)]


def test_a_late_logout_takes_a_session_apart() -> None:
    facts = in_minutes(0, 10, 20, 15, logout=[15])
    store = folded(facts, [0, 1, 2], [3])
    assert [one.events for one in rows(store)] == [3, 1]
    assert [one.end for one in rows(store)] == [End.LOGOUT, End.UNSPECIFIED]
    assert store.taken_apart == 1


def test_an_event_at_the_moment_of_the_logout_belongs_to_the_session_it_ends() -> None:
    facts = in_minutes(0, 5, 5, 6, logout=[5])
    assert [one.events for one in rows(folded(facts))] == [3, 1]


def test_after_24_hours_of_activity_the_next_event_begins_a_session() -> None:
    store = folded(in_minutes(*range(0, 24 * 60 + 40, 20)))
    assert [one.events for one in rows(store)] == [72, 2]
    assert [one.end for one in rows(store)] == [End.MAX_LENGTH, End.UNSPECIFIED]


def test_an_earlier_start_moves_every_following_split_of_unbroken_activity() -> None:
    minutes = [*range(0, 5 * 24 * 60, 20), -20]
    facts = in_minutes(*minutes)
    store = folded(facts, range(len(facts) - 1), [len(facts) - 1])
    assert [one.started_us for one in rows(store)] == [
        START + (day * 24 * 60 - 20) * MINUTE for day in range(6)
    ][: len(rows(store))]
    assert rows(store) == oracle(facts)


def test_new_events_of_a_long_session_are_added_without_reading_the_old_ones() -> None:
    facts = in_minutes(*(second / 60 for second in range(3000)))
    shuffled = random.Random(7).sample(range(3000), 3000)
    store = folded(facts, *(shuffled[start : start + 50] for start in range(0, 3000, 50)))
    assert rows(store) == oracle(facts)
    assert store.taken_apart == 0


def test_the_primary_tool_is_the_most_used_and_the_first_used_among_equals() -> None:
    facts = [
        Fact(number, START + number * MINUTE, feature=feature)
        for number, feature in enumerate(["map", "voice", "report", "voice", "report"])
    ]
    (session,) = rows(folded(facts, [4, 3], [2, 1, 0]))
    assert session.primary_tool == "voice"
    assert rules.tools_in_order(session.tools) == ["map", "voice", "report"]


def test_a_session_with_very_many_tools_keeps_the_first_hundred_and_no_primary_one() -> None:
    facts = [Fact(n, START + n * 1000, feature=f"tool {n:04}") for n in range(1200)]
    shuffled = random.Random(7).sample(range(1200), 1200)
    (session,) = rows(folded(facts, *(shuffled[n : n + 100] for n in range(0, 1200, 100))))
    assert rules.tools_in_order(session.tools) == [f"tool {n:04}" for n in range(100)]
    assert session.primary_tool == ""
    assert session.events == 1200


def test_a_session_whose_successor_was_deleted_is_settled_all_the_same() -> None:
    facts = in_minutes(*range(0, 25 * 60, 20), -20)
    store = folded(facts, range(len(facts) - 1))
    del store.rows[max(store.rows)]
    store.fold(facts[-1:])
    assert [one.events for one in rows(store)] == [72, 1]


@pytest.mark.parametrize(
    ("kept", "started", "last", "end"),
    [
        (End.UNSPECIFIED, 60, 29, End.UNSPECIFIED),
        (End.UNSPECIFIED, 60, 30, End.IDLE),
        (End.UNSPECIFIED, 24 * 60, 10, End.MAX_LENGTH),
        (End.LOGOUT, 60, 40, End.LOGOUT),
        (End.MAX_LENGTH, 48 * 60, 24 * 60, End.MAX_LENGTH),
        (End.UNSPECIFIED, -10, -20, End.UNSPECIFIED),
    ],
)
def test_why_a_session_ended_depends_on_when_one_asks(
    kept: End, started: int, last: int, end: End
) -> None:
    started_at, last_at = NOW - timedelta(minutes=started), NOW - timedelta(minutes=last)
    assert end_by(NOW, kept=kept, started_at=started_at, last_at=last_at) is end


def test_the_session_key_tells_user_session_and_start_apart() -> None:
    keys = {
        rules.session_key(key, start)
        for key in (Key("ab", "c"), Key("a", "bc"), Key("abc", ""))
        for start in (START, START + 1)
    }
    assert len(keys) == 6
    assert rules.session_key(KEY, START) == rules.session_key(KEY, START)


def test_what_nothing_changed_is_not_written_again() -> None:
    stored = copy(in_minutes(0)[0].session())
    later = in_minutes(0, 100)[1].session()
    assert [one.stored for one in split([stored, later]).sessions] == [True, False]
