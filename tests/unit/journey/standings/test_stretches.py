"""Where the rest of a list lies in the indexes."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from services.journey.journeys.rules.vocabulary import RiskLevel, Stage
from services.journey.standings.rules import Cursor, Where, stretches

LEVELS, STAGES = st.sampled_from(RiskLevel), st.sampled_from(Stage)
CLIENTS = st.lists(
    st.tuples(LEVELS, STAGES, st.sampled_from([0.0, 50.0, 50.5]), st.sampled_from("abcdef")),
    max_size=30,
)


def listed(
    clients: Sequence[tuple[RiskLevel, Stage, float, str]], where: Where, after: Cursor | None
) -> list[tuple[int, float, str]]:
    """The clients of all stretches; each once, or it fails."""
    found = [
        (index, -level, score, client_id)
        for stretch in stretches(where, after)
        for index, (level, stage, score, client_id) in enumerate(clients)
        if level is stretch.level
        and stretch.stage in (None, stage)
        and (
            stretch.after is None
            or (score, client_id) > (stretch.after.score, stretch.after.client_id)
        )
    ]
    assert len({one[0] for one in found}) == len(found)
    return sorted(one[1:] for one in found)


@given(CLIENTS, LEVELS, st.none() | STAGES, st.none() | st.tuples(LEVELS, st.floats(0, 100)))
def test_stretches_hold_each_client_after_the_cursor_once(
    clients: list[tuple[RiskLevel, Stage, float, str]],
    least: RiskLevel,
    stage: Stage | None,
    place: tuple[RiskLevel, float] | None,
) -> None:
    after = None if place is None else Cursor(place[0], place[1], "c")
    expected = sorted(
        (-level, score, client_id)
        for level, at, score, client_id in clients
        if level >= least
        and stage in (None, at)
        and (after is None or (-level, score, client_id) > (-after.level, after.score, "c"))
    )
    assert listed(clients, Where(least, stage), after) == expected


@given(LEVELS, st.none() | STAGES)
def test_every_stretch_has_an_index(least: RiskLevel, stage: Stage | None) -> None:
    for stretch in stretches(Where(least, stage), None):
        assert stretch.stage is not None or stretch.level > RiskLevel.LOW
