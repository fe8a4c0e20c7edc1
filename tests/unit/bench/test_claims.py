"""The benches themselves take minutes; what they are made of is tried here."""

from __future__ import annotations

import pytest

from bench.__main__ import claims
from bench.batches import SIZE, batch
from bench.claim import Finding
from bench.pairs import Ratio, interleaved
from footfall.events.v1 import event_ingest_pb2 as pb
from shared import ids


def test_every_ratio_has_its_claim() -> None:
    names = [claim.name for claim in claims()]
    assert names == [f"p{number}" for number in (*range(1, 9), *range(10, 20))]


async def test_sides_are_measured_in_turn_and_compared_pair_by_pair() -> None:
    turns: list[str] = []
    ours, baseline = iter([9.0, 2.0, 6.0, 4.0]), iter([1.0, 1.0, 2.0, 1.0])

    async def one() -> float:
        turns.append("A")
        return next(ours)

    async def other() -> float:
        turns.append("B")
        return next(baseline)

    ratio = await interleaved(one, other, pairs=3)
    assert "".join(turns) == "ABABABAB"
    assert (ratio.least, ratio.median, ratio.most) == (2, 3, 4)  # the first pair warms up


@pytest.mark.parametrize("version", [4, 7])
def test_a_batch_carries_ids_of_its_own(version: int) -> None:
    one, other = batch(version), batch(version)
    assert len({*one.ids, *other.ids}) == 2 * SIZE
    sent = pb.IngestEventsRequest.FromString(one.body).events
    assert [event.event_id for event in sent] == [ids.text(new) for new in one.ids]
    assert all((ids.id_time_ms(new) is not None) == (version == 7) for new in one.ids)


@pytest.mark.parametrize(
    ("median", "lower", "verdict"),
    [(0.9, False, "aim"), (0.6, False, "must"), (0.4, False, "short"), (0.4, True, "aim")],
)
def test_a_finding_says_which_target_it_reached(
    median: float, verdict: str, *, lower: bool
) -> None:
    must, aim = (0.9, 0.5) if lower else (0.5, 0.7)
    ratio = Ratio(median, 1, median, median, median, 5)
    finding = Finding("x", ratio, "calls/s", must, aim, "", lower_is_better=lower)
    assert finding.verdict == verdict
