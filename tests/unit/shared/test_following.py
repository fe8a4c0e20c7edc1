from __future__ import annotations

from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.following import CHUNK, Place, latest, walk

IDS = [UUID(int=number) for number in range(30)]


@given(st.lists(st.lists(st.sampled_from(IDS), min_size=1, max_size=150), max_size=8))
def test_walking_on_meets_the_last_change_of_every_insight_and_ends(
    commits: list[list[UUID]],
) -> None:
    changes = [(10 * number, ids) for number, ids in enumerate(commits, start=1)]
    place, met = Place(0), []
    for _ in range(sum(map(len, commits)) // CHUNK + 2):
        rest = [one for one in changes if one[0] > place.position]
        steps = latest(walk(rest, place))
        assert len({insight_id for insight_id, _ in steps}) == len(steps)
        met += [insight_id for insight_id, _ in steps]
        place = steps[-1][1] if steps else place
    assert place == Place(10 * len(commits))
    assert set(met) == {insight_id for ids in commits for insight_id in ids}
    flat = [insight_id for ids in commits for insight_id in ids]
    last = {insight_id: index for index, insight_id in enumerate(flat)}
    last_met = {insight_id: index for index, insight_id in enumerate(met)}
    assert sorted(last, key=last.__getitem__) == sorted(last_met, key=last_met.__getitem__)


def test_a_large_commit_is_walked_in_pieces() -> None:
    many = [UUID(int=number) for number in range(CHUNK + 1)]
    steps = latest(walk([(7, many)], Place(3)))
    assert [one for one, _ in steps] == many[:CHUNK]
    assert steps[-1][1] == Place(3, CHUNK)
    assert latest(walk([(7, many)], steps[-1][1])) == [(many[-1], Place(7))]
