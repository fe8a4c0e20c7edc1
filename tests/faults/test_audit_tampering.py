"""Whoever changes a log behind our back, with all rights to the database, is found out.

Each round changes the log of an organisation in one way, asks whether it is whole, and puts it back
as it was. The ends that were written down outside lie several entries apart, as they do in life.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest

from footfall.audit.v1 import audit_pb2 as pb
from shared.anchors import FileAnchors
from shared.audit_chain import START, Anchor, entry_hash, kept, moment
from tests.bargaining import Seller, running_pricing
from tests.organisations import Organisation, add_organisation
from tests.postgres import Connection, Template

ENTRIES = 24
WRITTEN_DOWN = (3, 8, 9, 17, ENTRIES)
ROUNDS_OF_A_CYCLE = 5
NOW = datetime(2026, 11, 21, 18, 30, tzinfo=UTC)
_COLUMNS = "recorded_at::text, actor, actor_role, action, target, details::text"
_CHANGES = {
    "recorded_at": "recorded_at + interval '1 microsecond'",
    "actor": "actor || ' '",
    "actor_role": "upper(actor_role)",
    "action": "reverse(action)",
    "target": "'another'",
    "details": "jsonb_set(details, '{price}', (details ->> 'price' || '0')::jsonb)",
    "previous_hash": "set_bit(previous_hash, %(bit)s, 1 - get_bit(previous_hash, %(bit)s))",
    "entry_hash": "set_bit(entry_hash, %(bit)s, 1 - get_bit(entry_hash, %(bit)s))",
    "org_id": "%(neighbour)s",
    "sequence": "sequence + 1000",
}
_TO = "UPDATE app.audit_entries SET {column} = {change} WHERE org_id = %(org)s AND sequence = %(k)s"


@dataclass
class Log:
    """The log that is tampered with, by who may do everything to the database."""

    org_id: UUID
    neighbour: UUID
    connection: Connection
    auditor: Seller

    def run(self, statement: str, **given: object) -> list[Any]:
        named = {"org": self.org_id, "neighbour": self.neighbour, **given}
        cursor = self.connection.execute(statement.encode(), named)
        return cursor.fetchall() if cursor.description else []

    def verified(self) -> pb.VerifyAuditLogResponse:
        request = pb.VerifyAuditLogRequest()
        answer: pb.VerifyAuditLogResponse = self.auditor.call("VerifyAuditLog", request)
        return answer

    def fill(self) -> list[bytes]:
        """Entries that follow from each other; the hash of each, after that of the start."""
        hashes = [START]
        for number in range(1, ENTRIES + 1):
            self.run(
                "INSERT INTO app.audit_entries VALUES (%(org)s, %(k)s, %(at)s, 'ann', 'admin',"
                " 'tier.update', 'pro', %(details)s, '', '')",
                k=number, at=NOW + timedelta(seconds=number), details='{"price": 49.0}',
            )  # fmt: skip
        self.run("INSERT INTO app.audit_heads VALUES (%(org)s, 0, '')")
        for number in range(1, ENTRIES + 1):
            hashes.append(self.rehash(number, hashes[-1]))
        return hashes

    def rehash(self, number: int, previous: bytes) -> bytes:
        """Make an entry follow from another, as nobody but we should."""
        where = "WHERE org_id = %(org)s AND sequence = %(k)s"
        row = self.run(f"SELECT {_COLUMNS} FROM app.audit_entries {where}", k=number)[0]
        at, actor, role, action, target, details = row
        digest = entry_hash(
            previous,
            {
                "org_id": str(self.org_id),
                "sequence": number,
                "recorded_at": moment(at),
                "actor": actor,
                "actor_role": role,
                "action": action,
                "target": target,
                "details": kept(orjson.loads(details)),
            },
        )
        self.run(
            f"UPDATE app.audit_entries SET previous_hash = %(p)s, entry_hash = %(h)s {where}",
            k=number, p=previous, h=digest,
        )  # fmt: skip
        self.point(number, digest)
        return digest

    def point(self, sequence: int, digest: bytes) -> None:
        self.run(
            "UPDATE app.audit_heads SET sequence = %(k)s, entry_hash = %(h)s"
            " WHERE org_id = %(org)s",
            k=sequence, h=digest,
        )  # fmt: skip

    def keep(self) -> None:
        for name in ("entries", "heads"):
            self.run(f"CREATE TEMP TABLE kept_{name} AS SELECT * FROM app.audit_{name}")

    def put_back(self) -> None:
        for name in ("entries", "heads"):
            self.run(f"DELETE FROM app.audit_{name}")
            self.run(f"INSERT INTO app.audit_{name} SELECT * FROM kept_{name}")


@pytest.fixture(scope="module")
def log(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Log]:
    file: Path = tmp_path_factory.mktemp("outside") / "anchors.jsonl"
    with (
        template.clone() as database,
        running_pricing(database, FOOTFALL_AUDIT_ANCHORS_FILE=str(file)) as pricing,
        database.connect() as connection,
    ):
        acme: Organisation = add_organisation(database)
        made = Log(acme.org_id, uuid4(), connection, pricing.seller(acme, "olga"))
        made.run("SET timezone = 'UTC'")
        hashes = made.fill()
        FileAnchors(file).append(
            [Anchor(acme.org_id, one, hashes[one], NOW) for one in WRITTEN_DOWN]
        )
        made.keep()
        yield made


def flip(log: Log, chance: random.Random) -> int:
    """Any column of any entry."""
    column, place = chance.choice(list(_CHANGES)), chance.randint(1, ENTRIES)
    statement = _TO.format(column=column, change=_CHANGES[column])
    log.run(statement, k=place, bit=chance.randrange(256))
    return place


def delete(log: Log, chance: random.Random) -> int:
    place = chance.randint(1, ENTRIES)
    log.run("DELETE FROM app.audit_entries WHERE org_id = %(org)s AND sequence = %(k)s", k=place)
    return place


def insert(log: Log, chance: random.Random) -> int:
    """Before the first, between two, or behind the last; what follows makes room."""
    place: int = chance.choice([-(2**63), -3, 0, *range(1, ENTRIES + 2)])
    for shift in ("-sequence", "1 - sequence"):  # in two steps, as no two may meet
        log.run(
            f"UPDATE app.audit_entries SET sequence = {shift} WHERE org_id = %(org)s"
            " AND abs(sequence) >= %(k)s AND %(k)s > 0", k=place,
        )  # fmt: skip
    log.run(
        "INSERT INTO app.audit_entries SELECT org_id, %(k)s, recorded_at, actor, actor_role,"
        " action, 'forged', details, previous_hash, entry_hash FROM app.audit_entries"
        " WHERE org_id = %(org)s ORDER BY sequence LIMIT 1", k=place,
    )  # fmt: skip
    return max(place, 1)


def append(log: Log, chance: random.Random) -> int:
    """One that follows, but that the head does not know."""
    del chance
    number = log.run("SELECT entry_hash FROM app.audit_heads WHERE org_id = %(org)s")[0][0]
    insert_at = ENTRIES + 1
    log.run(
        "INSERT INTO app.audit_entries SELECT org_id, %(k)s, recorded_at, actor, actor_role,"
        " action, 'forged', details, '', '' FROM app.audit_entries"
        " WHERE org_id = %(org)s AND sequence = 1", k=insert_at,
    )  # fmt: skip
    log.rehash(insert_at, number)
    log.point(ENTRIES, number)
    return insert_at


def reorder(log: Log, chance: random.Random) -> int:
    one, other = chance.sample(range(1, ENTRIES + 1), 2)
    statement = (
        "UPDATE app.audit_entries SET sequence = %(b)s WHERE org_id = %(org)s AND sequence = %(a)s"
    )
    for source, target in ((one, 5000), (other, one), (5000, other)):
        log.run(statement, a=source, b=target)
    return min(one, other)


def cut(log: Log, chance: random.Random) -> int:
    """The tail, or all of it, with the head set back: only what was written down shows it."""
    last = chance.randrange(ENTRIES)
    log.run("DELETE FROM app.audit_entries WHERE org_id = %(org)s AND sequence > %(k)s", k=last)
    if last:
        end = log.run(
            "SELECT entry_hash FROM app.audit_entries WHERE org_id = %(org)s AND sequence = %(k)s",
            k=last,
        )
        log.point(last, end[0][0])
    else:
        log.run("DELETE FROM app.audit_heads WHERE org_id = %(org)s")
    return last + 1


def rewrite(log: Log, chance: random.Random) -> int:
    """From some entry on, every hash made anew and the head with them.

    What is named is the first entry that nothing vouches for any more: the one behind the last end
    that was written down before, which for a chain that was rewritten as a whole is its first.
    """
    first = chance.choice([1, chance.randint(1, ENTRIES)])
    log.run(_TO.format(column="actor", change="'somebody else'"), k=first)
    previous = log.run(
        "SELECT previous_hash FROM app.audit_entries WHERE org_id = %(org)s AND sequence = %(k)s",
        k=first,
    )[0][0]
    for number in range(first, ENTRIES + 1):
        previous = log.rehash(number, previous)
    return max((end for end in WRITTEN_DOWN if end < first), default=0) + 1


def behead(log: Log, chance: random.Random) -> int:
    """The row that says where the log ends: gone, set elsewhere, or to another hash."""
    kind = chance.choice(["gone", "back", "on", "hash"])
    if kind == "gone":
        log.run("DELETE FROM app.audit_heads WHERE org_id = %(org)s")
        return ENTRIES + 1
    if kind == "hash":
        log.point(ENTRIES, chance.randbytes(32))
        return ENTRIES
    place = chance.randrange(-2, ENTRIES) if kind == "back" else ENTRIES + chance.randint(1, 9)
    log.point(place, chance.randbytes(32))
    return max(place, 0) + 1 if kind == "back" else ENTRIES + 1


@pytest.mark.parametrize(
    "tamper",
    [flip, delete, insert, append, reorder, cut, rewrite, behead],
    ids=lambda f: f.__name__,
)
def test_the_first_bad_entry_is_named(
    log: Log, tamper: Callable[[Log, random.Random], int], cycles: int
) -> None:
    chance = random.Random(tamper.__name__)
    assert log.verified().valid
    for _ in range(cycles * ROUNDS_OF_A_CYCLE):
        expected = tamper(log, chance)
        found = log.verified()
        log.put_back()
        assert (found.valid, found.first_bad_entry) == (False, expected), found
        assert found.problem
    whole = log.verified()
    assert (whole.valid, whole.entries, whole.anchored_entries) == (True, ENTRIES, ENTRIES)
