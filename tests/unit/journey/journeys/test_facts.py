"""Facts of events: by hand, and laws of their order."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.journey.journeys.rules.facts import (
    ID_SHOWN,
    NEWEST_KEPT,
    OPEN_KEPT,
    SENTIMENTS_LOOKED_AT,
    Facts,
    derive,
    fold,
)
from services.journey.journeys.rules.progress import anew, onwards, portions
from services.journey.journeys.rules.standing import Standing
from services.journey.journeys.rules.stored import from_facts, to_facts
from services.journey.journeys.rules.visits import continued
from services.journey.journeys.rules.vocabulary import DAY, Happening, Stage
from tests.journeys import AS_DOUBLES, NOW, event, happenings, kept


class TestByHand:
    def test_nothing_happened(self) -> None:
        facts = derive([])
        assert facts == Facts()
        assert facts.last_at is None
        assert facts.precedes(event(9_000))

    def test_the_stage_is_that_of_the_newest_event_that_says_one(self) -> None:
        facts = derive([event(1), event(3, stage=Stage.BILLING), event(5, stage=Stage.LEAD)])
        assert (facts.stage, facts.stage_at) == (Stage.BILLING, NOW - 3 * DAY)

    def test_saying_the_same_stage_again_moves_nobody(self) -> None:
        facts = derive([event(3, stage=Stage.BILLING), event(1, stage=Stage.BILLING)])
        assert facts.stage_at == NOW - 3 * DAY

    def test_of_two_at_one_moment_the_greater_id_comes_later(self) -> None:
        first, second = event(1, stage=Stage.LEAD), event(1, stage=Stage.BILLING)
        assert first.event_id < second.event_id
        assert derive([second, first]).stage is Stage.BILLING

    def test_an_invoice_that_was_paid_is_overdue_no_more(self) -> None:
        facts = derive(
            [
                event(9, "invoice_overdue", invoice_id="a"),
                event(8, "invoice_overdue", invoice_id="b"),
                event(7, "invoice_paid", invoice_id="a"),
            ]
        )
        assert facts.overdue == {"b": NOW - 8 * DAY}

    def test_paying_before_it_was_overdue_clears_nothing(self) -> None:
        paid, overdue = event(9, "invoice_paid"), event(8, "invoice_overdue")
        assert derive([paid, overdue]).overdue == {"": NOW - 8 * DAY}

    def test_an_invoice_stays_overdue_since_it_first_was(self) -> None:
        facts = derive([event(9, "invoice_overdue"), event(5, "invoice_overdue")])
        assert facts.overdue == {"": NOW - 9 * DAY}

    @pytest.mark.parametrize(
        ("one", "same"), [(7, 7.0), ("7", 7), (1e17, 10**17), (1e20, 10**20), (7.5, "7.5")]
    )
    def test_ids_are_the_same_in_whatever_form_json_has_them(self, one: Any, same: Any) -> None:
        opened = event(9, "support_ticket_opened", ticket_id=one)
        closed = event(8, "support_ticket_closed", ticket_id=same)
        assert derive([opened]).open_tickets
        assert not derive([opened, closed]).open_tickets

    @pytest.mark.parametrize("number", [*AS_DOUBLES, -(2.0**63), 2.0**64, 1e-7, 1.5e300, 7, 2**53])
    def test_numbers_mean_after_they_were_kept_what_they_meant_before(self, number: float) -> None:
        overdue = event(9, "invoice_overdue", invoice_id=number)
        paid = event(8, "invoice_paid", invoice_id=number)
        for first in (overdue, kept(overdue)):
            assert derive([first]) == derive([overdue])
            for second in (paid, kept(paid)):
                assert not derive([first, second]).overdue

    def test_long_ids_are_kept_short_and_stay_apart(self) -> None:
        ids = ["x" * 16_000 + str(number) for number in range(OPEN_KEPT)]
        many = [
            event(9, kind, invoice_id=one, ticket_id=one)
            for one in ids
            for kind in ("invoice_overdue", "support_ticket_opened")
        ]
        facts = derive(many)
        assert len(facts.overdue) == len(facts.open_tickets) == OPEN_KEPT
        assert all(one.startswith("x" * ID_SHOWN) for one in facts.overdue)
        assert len(orjson.dumps(to_facts(facts, None))) < 40_000
        same = [event(8, "invoice_paid", invoice_id=one) for one in facts.overdue]
        assert derive([*many, *same]).overdue == facts.overdue, "what is kept is nobody's id"
        paid = [event(8, "invoice_paid", invoice_id=one) for one in ids[1:]]
        assert len(derive([*many, *paid]).overdue) == 1

    def test_ids_of_64_characters_are_kept_as_they_are(self) -> None:
        assert [*derive([event(9, "invoice_overdue", invoice_id="x" * 64)]).overdue] == ["x" * 64]

    def test_a_ticket_without_an_id_counts_and_is_not_open(self) -> None:
        facts = derive([event(9, "support_ticket_opened")])
        assert facts.openings == ((NOW - 9 * DAY, ""),)
        assert not facts.open_tickets

    @pytest.mark.parametrize("sentiment", ["positive", "NEGATIVE", None, 1, ["negative"]])
    def test_only_negative_is_negative(self, sentiment: Any) -> None:
        assert derive([event(1, sentiment=sentiment)]).negatives == (0,)

    def test_the_newest_ten_are_looked_at(self) -> None:
        old = [event(50, sentiment="negative")]
        new = [event(1) for _ in range(SENTIMENTS_LOOKED_AT)]
        assert any(derive(old + new[1:]).negatives)
        assert not any(derive(old + new).negatives)

    def test_what_is_kept_is_bounded(self) -> None:
        many = [
            event(ago / 10, kind, invoice_id=str(ago), ticket_id=str(ago))
            for ago in range(500)
            for kind in ("invoice_overdue", "support_ticket_opened")
        ]
        facts = derive(many)
        assert facts.events == 1_000
        assert len(facts.newest) == NEWEST_KEPT
        assert len(facts.overdue) == len(facts.open_tickets) == OPEN_KEPT
        assert "0" in facts.overdue, "the newest stay"
        assert "499" not in facts.overdue, "the oldest are forgotten"

    def test_what_is_forgotten_does_not_depend_on_the_order_in_which_it_is_kept(self) -> None:
        """Of many at one moment, as imports have them."""
        many = [event(9, "invoice_overdue", invoice_id=str(one * 7 % 300)) for one in range(300)]
        facts = Facts()
        for one in many:
            written = orjson.dumps(to_facts(facts, None), option=orjson.OPT_SORT_KEYS)
            facts = fold(from_facts(orjson.loads(written))[0], one)
        assert len(facts.overdue) == OPEN_KEPT
        assert facts == derive(many)


class TestPortions:
    def test_each_is_bounded_and_none_is_forgotten(self) -> None:
        sizes = {"a": 3, "b": 4, "c": 1, "d": 99, "e": 0, "f": 8, "g": 8}
        assert [*portions(sizes, 8)] == [["a", "b", "c"], ["d"], ["e", "f"], ["g"]]
        assert [*portions({}, 8)] == []


class TestLaws:
    @given(happenings(), st.integers())
    def test_the_order_of_arrival_does_not_matter(self, events: list[Happening], seed: int) -> None:
        shuffled = [*events]
        Random(seed).shuffle(shuffled)
        assert derive(shuffled) == derive(events)

    @given(happenings(), st.data())
    def test_going_on_from_what_is_kept_is_the_same_as_beginning_anew(
        self, events: list[Happening], data: st.DataObject
    ) -> None:
        ordered = sorted(events, key=lambda one: one.key)
        cut = data.draw(st.integers(0, len(ordered)))
        facts, _ = from_facts(orjson.loads(orjson.dumps(to_facts(derive(ordered[:cut]), None))))
        for one in ordered[cut:]:
            assert facts.precedes(one)
            facts = fold(facts, one)
        assert facts == derive(events) == derive(map(kept, events))

    @given(happenings())
    def test_what_comes_late_is_seen_to_be_late(self, events: list[Happening]) -> None:
        ordered = sorted(events, key=lambda one: one.key)
        for place in range(1, len(ordered)):
            facts = derive(ordered[: place + 1])
            assert not any(facts.precedes(one) for one in ordered[: place + 1])

    @given(happenings(), st.none() | st.integers(0, NOW))
    def test_facts_survive_json(self, events: list[Happening], pending_at: int | None) -> None:
        facts = derive(events)
        written = orjson.dumps(to_facts(facts, pending_at), option=orjson.OPT_SORT_KEYS)
        assert from_facts(orjson.loads(written)) == (facts, pending_at)

    @given(happenings(), st.lists(st.integers(0, 60), min_size=1, max_size=4))
    def test_events_that_wait_count_when_their_time_comes(
        self, events: list[Happening], ago: list[int]
    ) -> None:
        """However often one looks in between."""
        waited = onwards(Standing(0, Facts()), events, 0)
        standing, been = waited.of(Standing(0, Facts())), list(waited.visits)
        for days in sorted(ago, reverse=True):
            now = NOW - days * DAY
            rest = [one for one in events if standing.facts.precedes(one)]
            progress = onwards(standing, rest, now)
            standing, been = progress.of(standing), continued(been, progress.visits)
            whole = anew(events, now)
            assert (standing.facts, standing.pending_at) == (whole.facts, whole.pending_at)
            assert been == whole.visits

    @given(happenings(), happenings())
    def test_what_others_wait_for_is_not_forgotten(
        self, waiting: list[Happening], more: list[Happening]
    ) -> None:
        ahead = [replace(one, occurred_at=one.occurred_at + 100 * DAY) for one in waiting]
        before = onwards(Standing(0, Facts()), ahead, NOW)
        progress = onwards(before.of(Standing(0, Facts())), more, NOW, before.pending_at)
        assert progress.pending_at == min((one.occurred_at for one in ahead), default=None)
        assert progress.facts == derive(more)
