"""The form of an entry, by the words of docs/audit.md, and what following a chain finds."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.audit_chain import (
    START,
    Anchor,
    Broken,
    Compared,
    Reached,
    Stored,
    close,
    entry_hash,
    follow,
    judged,
    kept,
    moment,
)

ORG = "0190d3a0-5d5c-7000-8000-000000000001"
NOW = datetime(2026, 11, 21, 18, 30, tzinfo=UTC)

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
DETAILS: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    TEXTS,
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | TEXTS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
        max_leaves=12,
    ),
    max_size=6,
)


def test_the_form_does_not_change() -> None:
    """These bytes are in databases of others: a library that writes otherwise must not matter."""
    details = {
        "b": [1, 1.0, 1e16, -1.5e-7, 0.1, -0.0, 12345678901234567890, 5e-324 * 0],
        "a": {"é": 'quote " back \\ tab \t bell \x07 del \x7f', "€": None, "z": True},
    }
    plain = kept(details)
    assert (
        plain
        == (
            '{"a":{"z":true,"é":"quote \\" back \\\\ tab \\t bell \\u0007 del \x7f","€":null},'
            '"b":[1,1.0,10000000000000000,-0.00000015,0.1,0.0,12345678901234567890,0.0]}'
        ).encode()
    )
    digest = entry_hash(
        START,
        {
            "org_id": ORG,
            "sequence": 1,
            "recorded_at": "2026-11-21T18:30:00.000000+00:00",
            "actor": "ann",
            "actor_role": "admin",
            "action": "approval.approve",
            "target": "7",
            "details": plain,
        },
    )
    assert digest.hex() == ("88b6d0cb267b0b443cde9bd968b98115b5633ea26686de62d327573b579aad1c")


@given(DETAILS)
def test_details_are_hashed_as_anybody_can_write_them(details: dict[str, Any]) -> None:
    """By a reference that shares no code with ours: keys by code point, numbers in decimals."""
    assert kept(details).decode() == _reference(details)


@given(DETAILS)
def test_what_postgres_gives_back_is_hashed_alike(details: dict[str, Any]) -> None:
    """A jsonb has blanks, another order of keys, and the digits of numbers as they were given."""
    plain = kept(details)
    exact = json.loads(plain, parse_float=Decimal)
    assert fits(_as_jsonb(exact), plain)


@pytest.mark.parametrize("changed", ["1.00", "0.1000000000000000055", "10", "1"])
def test_another_form_of_a_number_is_another_content(changed: str) -> None:
    assert not fits(f'{{"a": {changed}}}', kept({"a": 1.0}))
    assert not fits(f'{{"a": {changed}}}', kept({"a": 0.1}))


@pytest.mark.parametrize("refused", [{1: 2}, {"a": 2**64}, {"a": -(2**63) - 1}, {"a": "\ud800"}])
def test_what_has_no_form_is_refused(refused: dict[Any, Any]) -> None:
    with pytest.raises(TypeError):
        kept(refused)


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_is_hashed_to_the_microsecond(at: datetime) -> None:
    written = at.replace(tzinfo=None).isoformat(" ", "microseconds").rstrip("0").rstrip(".")
    if written.endswith(":"):
        written += "00"
    text = at.strftime("%H:%M:%S") if not at.microsecond else written[11:]
    assert moment(f"{written[:10]} {text}+00") == at.isoformat(timespec="microseconds")


@pytest.mark.parametrize(
    "strange", ["infinity", "-infinity", "2026-11-21 18:30:00+00 BC", "12026-11-21 18:30:00+00"]
)
def test_a_time_of_nobody_fits_no_entry(strange: str) -> None:
    assert moment(strange) != "2026-11-21T18:30:00.000000+00:00"


def fits(stored: str, plain: bytes) -> bool:
    """Whether details that Postgres gives back so are those that were hashed."""
    words = "ann", "admin", "tier.update", "pro"
    names = "actor", "actor_role", "action", "target"
    entry = {"org_id": ORG, "sequence": 1, "recorded_at": NOW.isoformat(timespec="microseconds")}
    digest = entry_hash(START, {**entry, **dict(zip(names, words, strict=True)), "details": plain})
    kept_so = (1, "2026-11-21 18:30:00+00", *words, stored, START, digest)
    return follow(ORG, Reached(), [kept_so]).broken is None


def chain(count: int, start: Reached | None = None, target: str = "") -> list[Stored]:
    """Entries that follow from each other."""
    reached = start or Reached()
    made: list[Stored] = []
    for number in range(reached.sequence + 1, reached.sequence + count + 1):
        said = {"actor": "ann", "actor_role": "admin", "action": "tier.update"}
        aim = target or f"tier-{number}"
        digest = entry_hash(
            reached.entry_hash,
            {
                "org_id": ORG,
                "sequence": number,
                "recorded_at": NOW.isoformat(timespec="microseconds"),
                "target": aim,
                "details": kept({"n": number}),
                **said,
            },
        )
        at, details = "2026-11-21 18:30:00+00", f'{{"n": {number}}}'
        words = said["actor"], said["actor_role"], said["action"]
        made.append((number, at, *words, aim, details, reached.entry_hash, digest))
        reached = Reached(number, digest)
    return made


def broken(entries: list[Stored]) -> int:
    found = follow(ORG, Reached(), entries).broken
    return found.sequence if found else 0


def end(entries: list[Stored]) -> tuple[int, bytes]:
    return entries[-1][0], entries[-1][-1]


class TestFollowing:
    def test_a_whole_chain_is_followed_in_pieces_of_any_size(self) -> None:
        entries = chain(10)
        reached = Reached()
        for first in range(0, 10, 3):
            reached = follow(ORG, reached, entries[first : first + 3])
        assert (reached.sequence, reached.entry_hash) == end(entries)
        assert reached.broken is None

    @pytest.mark.parametrize("column", range(1, 9))
    def test_a_change_of_any_column(self, column: int) -> None:
        entries = chain(5)
        value = entries[2][column]
        other = value[::-1] if isinstance(value, bytes) else f"{value} "
        if column == 6:
            other = '{"n": 4}'
        entries[2] = (*entries[2][:column], other, *entries[2][column + 1 :])  # type: ignore[assignment]
        assert broken(entries) == 3

    def test_another_organisation(self) -> None:
        found = follow(ORG.replace("1", "2"), Reached(), chain(2)).broken
        assert found is not None
        assert found.sequence == 1

    def test_what_is_missing_put_in_or_moved(self) -> None:
        entries = chain(5)
        assert broken(entries[1:]) == 1
        assert broken([*entries[:2], *entries[3:]]) == 3
        assert broken([(0, *entries[0][1:]), *entries]) == 1
        assert broken([(-5, *entries[0][1:]), *entries]) == 1
        assert broken([*entries[:2], (4, *entries[2][1:]), entries[4]]) == 3
        swapped = [entries[0], (2, *entries[2][1:]), (3, *entries[1][1:]), *entries[3:]]
        assert broken(swapped) == 2

    @pytest.mark.parametrize("strange", ["[" * 2000 + "]" * 2000, '{"a": ' * 300 + "1" + "}" * 300])
    def test_details_that_nobody_wrote(self, strange: str) -> None:
        entries = chain(3)
        entries[1] = (*entries[1][:6], strange, *entries[1][7:])
        assert broken(entries) == 2


class TestTheEnd:
    reached = follow(ORG, Reached(), chain(3))

    def at(self, head: tuple[int, bytes] | None, reached: Reached | None = None) -> int:
        found = close(self.reached if reached is None else reached, head).broken
        return found.sequence if found else 0

    def test_where_the_head_says(self) -> None:
        assert self.at((3, self.reached.entry_hash)) == 0
        assert self.at(None, Reached()) == 0
        assert self.at((0, START), Reached()) == 0

    def test_elsewhere(self) -> None:
        assert self.at(None) == 4
        assert self.at((5, bytes(32))) == 4
        assert self.at((2, bytes(32))) == 3
        assert self.at((-2, bytes(32))) == 1
        assert self.at((3, bytes(32))) == 3
        assert self.at((0, b"x"), Reached()) == 1

    def test_what_broke_before_stays_first(self) -> None:
        already = self.reached.stopped(2, "")
        assert close(already, None).broken == Broken(2, "")


class TestComparing:
    @staticmethod
    def anchor(entry: Stored, hours: int = 0) -> Anchor:
        return Anchor(UUID(ORG), entry[0], entry[-1], NOW + timedelta(hours=hours))

    def compared(self, anchors: list[Anchor], entries: list[Stored]) -> Compared:
        hashes = {entry[0]: entry[-1] for entry in entries}
        compared = Compared()
        for anchor in anchors:
            compared = compared.next([anchor], hashes.get(anchor.sequence))
        return compared

    def first_bad(self, anchors: list[Anchor], entries: list[Stored]) -> int:
        found = judged(follow(ORG, Reached(), entries), self.compared(anchors, entries))
        return found.sequence if found else 0

    def test_a_chain_made_anew_from_some_entry_on(self) -> None:
        entries = chain(9)
        anchors = [self.anchor(entries[place]) for place in (2, 5, 8)]
        assert self.first_bad(anchors, entries) == 0
        assert self.compared(anchors, entries).found == anchors[-1]
        forged = [*entries[:3], *chain(6, Reached(*end(entries[:3])), target="forged")]
        assert self.first_bad(anchors, forged) == 4
        assert self.first_bad(anchors, chain(9, target="forged")) == 1
        assert self.compared(anchors, forged).found == anchors[0]

    def test_a_tail_that_was_cut_off_with_its_head(self) -> None:
        entries = chain(9)
        assert self.first_bad([self.anchor(entries[8])], entries[:6]) == 7
        assert self.first_bad([self.anchor(entries[8])], []) == 1

    def test_a_forged_chain_that_was_written_down_itself(self) -> None:
        entries, forged = chain(4), chain(6, target="forged")
        assert self.first_bad([self.anchor(entries[3]), self.anchor(forged[5])], forged) == 1

    def test_two_ends_of_one_number(self) -> None:
        entries, forged = chain(4), chain(4, target="forged")
        both = [self.anchor(entries[3]), self.anchor(forged[3])]
        for whole in (entries, forged):
            found = Compared().next(both, whole[3][-1])
            assert judged(follow(ORG, Reached(), whole), found) is not None

    def test_the_earlier_of_two_faults_is_named(self) -> None:
        entries = chain(9)
        anchors = [self.anchor(entries[8])]
        hole = [*entries[:4], *entries[5:]]
        assert self.first_bad(anchors, hole) == 5
        forged = chain(9, target="forged")
        anchors = [self.anchor(entries[1])]
        beheaded = close(follow(ORG, Reached(), forged), (0, START))
        named = judged(beheaded, self.compared([self.anchor(entries[8])], forged))
        assert named == beheaded.broken
        torn = [*forged[:6], (*forged[6][:5], "x", *forged[6][6:]), *forged[7:]]
        assert self.first_bad(anchors, torn) == 1


def _reference(value: Any) -> str:  # noqa: PLR0911 - one for each kind
    """The form of docs/audit.md, written down once more."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return _decimals(value)
        case str():
            return _quoted(value)
        case list():
            return f"[{','.join(map(_reference, value))}]"
        case _:
            pairs = sorted(value.items(), key=lambda pair: [ord(one) for one in pair[0]])
            return f"{{{','.join(f'{_quoted(k)}:{_reference(v)}' for k, v in pairs)}}}"


def _decimals(value: float) -> str:
    if value != value or value in {float("inf"), float("-inf")}:  # noqa: PLR0124 - no number
        return "null"
    if value == 0:
        return "0.0"
    sign, digits, exponent = Decimal(repr(value)).as_tuple()
    assert isinstance(exponent, int)
    text = "".join(map(str, digits))
    if exponent >= 0:
        text += "0" * exponent
    else:
        text = text.rjust(1 - exponent, "0")
        text = f"{text[:exponent]}.{text[exponent:]}"
    return "-" * sign + text


_SHORT = {8: "b", 9: "t", 10: "n", 12: "f", 13: "r", 34: '"', 92: "\\"}


def _quoted(text: str) -> str:
    def written(one: str) -> str:
        code = ord(one)
        if code in _SHORT:
            return "\\" + _SHORT[code]
        return f"\\u{code:04x}" if code < 32 else one

    return f'"{"".join(map(written, text))}"'


def _as_jsonb(value: Any) -> str:
    """As Postgres prints it: keys by length, then by bytes."""
    match value:
        case dict():
            pairs = sorted(value.items(), key=lambda p: (len(p[0].encode()), p[0].encode()))
            return "{" + ", ".join(f"{_quoted(k)}: {_as_jsonb(v)}" for k, v in pairs) + "}"
        case list():
            return "[" + ", ".join(map(_as_jsonb, value)) + "]"
        case Decimal():
            return format(value, "f")
        case _:
            return _reference(value)
