"""ListAuditEntries, VerifyAuditLog, and the worker that writes down where logs end."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.json_format import MessageToDict

from footfall.audit.v1 import audit_pb2 as pb
from shared.anchors import FileAnchors
from shared.audit_chain import START
from shared.database import Database
from shared.schema import audit
from tests.bargaining import Pricing, Seller, running_pricing, running_pricing_worker
from tests.organisations import Organisation
from tests.postgres import MigratedDatabase

ACTORS = ("ann", "bob", "backend")
WAITING = """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
  AND query LIKE '%audit_entries%' AND wait_event_type = 'Lock'"""
BACK_TO_THE_LAST = """UPDATE app.audit_heads AS h SET sequence = e.sequence,
  entry_hash = e.entry_hash FROM app.audit_entries AS e WHERE h.org_id = %s
  AND e.org_id = h.org_id AND e.sequence = (SELECT max(sequence) FROM app.audit_entries AS l
    WHERE l.org_id = h.org_id)"""
ACTIONS = ("approval.request", "approval.approve", "tier.update", "approvals_of_ours")


def record(organisation: Organisation, count: int, **details: Any) -> None:
    """So many acts of everybody, as any service records them."""

    async def run() -> None:
        url = organisation.database.urls["footfall_journey"]
        database = Database(url, application_name="test", size=1)
        await database.open()
        try:
            async with database.raw_transaction(organisation.tenant("olga")) as raw:
                for number in range(count):
                    await audit.append(
                        raw,
                        organisation.org_id,
                        actor=ACTORS[number % 3],
                        actor_role="admin",
                        action=ACTIONS[number % 4],
                        target=f"tier-{number % 5}",
                        details={"number": number, **details},
                    )
        finally:
            await database.close()

    asyncio.run(run())


def listed(caller: Seller, **query: Any) -> list[pb.AuditEntry]:
    """All pages of a list."""
    found: list[pb.AuditEntry] = []
    token = ""
    while True:
        request = pb.ListAuditEntriesRequest(page_token=token, **query)
        page = caller.call("ListAuditEntries", request)
        found += page.entries
        if not (token := page.next_page_token):
            return found


def verified(caller: Seller) -> pb.VerifyAuditLogResponse:
    answer: pb.VerifyAuditLogResponse = caller.call("VerifyAuditLog", pb.VerifyAuditLogRequest())
    return answer


def refused(caller: Seller, method: str, request: Any, **options: Any) -> grpc.StatusCode:
    with pytest.raises(grpc.RpcError) as caught:
        caller.call(method, request, **options)
    code: grpc.StatusCode = caught.value.code()
    return code


class TestListing:
    def test_the_latest_first_with_all_that_was_recorded(
        self, ann: Seller, acme: Organisation
    ) -> None:
        record(acme, 3, old_minor=4900, currency="EUR", nested={"a": [1, None, "x"]})
        latest, second, first = listed(ann)
        assert [latest.sequence, second.sequence, first.sequence] == [3, 2, 1]
        assert (first.actor, first.actor_role, first.action, first.target) == (
            "ann", "admin", "approval.request", "tier-0",
        )  # fmt: skip
        assert MessageToDict(first.details) == {
            "number": 0, "old_minor": 4900, "currency": "EUR", "nested": {"a": [1, None, "x"]},
        }  # fmt: skip
        assert abs(first.recorded_at.seconds - time.time()) < 60
        assert first.previous_hash == START.hex()
        assert second.previous_hash == first.entry_hash
        assert latest.previous_hash == second.entry_hash

    @pytest.mark.parametrize("size", [1, 4, 7, 25, 1000])
    def test_pages_of_any_size_show_each_once(
        self, ann: Seller, acme: Organisation, size: int
    ) -> None:
        record(acme, 25)
        assert [one.sequence for one in listed(ann, page_size=size)] == list(range(25, 0, -1))

    @pytest.mark.parametrize(
        "change",
        [
            *(
                f"details = {one}"
                for one in (
                    "'null'", "'[1]'", "'\"x\"'", "'7'", '\'{"a": 1e400, "b": [-1e999]}\'',
                    "(repeat('[', 3000) || repeat(']', 3000))::jsonb",
                    "jsonb_build_object('a', repeat('x', 9000000))",
                )
            ),
            *(f"{one} = repeat('x', 9000000)" for one in ("actor", "action", "target")),
            "actor_role = repeat('x', 9000000)",
            *(f"recorded_at = '{one}'" for one in ("infinity", "0044-03-15 BC", "9999-12-31")),
            "entry_hash = repeat('x', 9000000)::bytea",
            "previous_hash = ''",
            "sequence = 9223372036854775807",
            "sequence = -9223372036854775808",
        ],
    )  # fmt: skip
    def test_whatever_was_done_to_an_entry_the_others_are_shown(
        self, ann: Seller, acme: Organisation, change: str
    ) -> None:
        record(acme, 5)
        query = f"UPDATE app.audit_entries SET {change} WHERE org_id = %s AND sequence = 3"
        acme.database.execute(query, acme.org_id)
        for size in (2, 50):
            shown = listed(ann, page_size=size)
            assert len(shown) == 5
            assert {1, 2, 4, 5} < {one.sequence for one in shown}
            assert all(MessageToDict(one.details) for one in shown)

    def test_filters(self, ann: Seller, acme: Organisation) -> None:
        record(acme, 24)
        assert {one.actor for one in listed(ann, actor="bob")} == {"bob"}
        assert len(listed(ann, actor="bob", page_size=3)) == 8
        assert {one.action for one in listed(ann, action_prefix="approval.")} == set(ACTIONS[:2])
        assert {one.target for one in listed(ann, target="tier-2")} == {"tier-2"}
        both = listed(ann, actor="ann", action_prefix="tier.", target="tier-3")
        assert [one.sequence for one in both] == [19]
        assert listed(ann, action_prefix="approval_") == []
        assert listed(ann, action_prefix="%") == []

    def test_entries_that_come_meanwhile_move_nothing(
        self, ann: Seller, acme: Organisation
    ) -> None:
        record(acme, 6)
        first = ann.call("ListAuditEntries", pb.ListAuditEntriesRequest(page_size=3))
        record(acme, 5)
        request = pb.ListAuditEntriesRequest(page_size=3, page_token=first.next_page_token)
        second = ann.call("ListAuditEntries", request)
        assert [one.sequence for one in (*first.entries, *second.entries)] == [6, 5, 4, 3, 2, 1]
        assert not second.next_page_token

    def test_a_token_belongs_to_its_query_and_organisation(
        self, pricing: Pricing, ann: Seller, acme: Organisation, globex: Organisation
    ) -> None:
        record(acme, 5)
        record(globex, 5)
        page = ann.call("ListAuditEntries", pb.ListAuditEntriesRequest(page_size=2, actor="ann"))
        other = pb.ListAuditEntriesRequest(page_token=page.next_page_token or "AAAA")
        assert refused(ann, "ListAuditEntries", other) == grpc.StatusCode.INVALID_ARGUMENT
        theirs = pb.ListAuditEntriesRequest(actor="ann", page_token=page.next_page_token or "AAAA")
        stranger = pricing.seller(globex, "ann", role="admin")
        assert refused(stranger, "ListAuditEntries", theirs) == grpc.StatusCode.INVALID_ARGUMENT

    def test_large_entries_come_in_more_pages(self, ann: Seller, acme: Organisation) -> None:
        record(acme, 12, notes="x" * 500_000)
        page = ann.call("ListAuditEntries", pb.ListAuditEntriesRequest())
        assert 1 < len(page.entries) < 12
        assert len(listed(ann)) == 12

    def test_an_entry_with_a_time_of_nobody_is_still_shown(
        self, ann: Seller, acme: Organisation
    ) -> None:
        record(acme, 2)
        change = "UPDATE app.audit_entries SET recorded_at = 'infinity' WHERE org_id = %s"
        acme.database.execute(change, acme.org_id)
        assert not any(one.HasField("recorded_at") for one in listed(ann))
        assert verified(ann).first_bad_entry == 1


@pytest.mark.parametrize("method", ["ListAuditEntries", "VerifyAuditLog"])
@pytest.mark.parametrize("subject", ["mia", "backend"])
def test_only_owners_and_admins_look(
    pricing: Pricing, acme: Organisation, method: str, subject: str
) -> None:
    request = getattr(pb, f"{method}Request")()
    caller = pricing.seller(acme, subject)
    assert refused(caller, method, request) == grpc.StatusCode.PERMISSION_DENIED


class TestVerifying:
    def test_an_empty_log_is_whole(self, ann: Seller) -> None:
        answer = verified(ann)
        assert (answer.valid, answer.entries, answer.first_bad_entry) == (True, 0, 0)
        assert (answer.problem, answer.notice) == ("", "")
        assert answer.head_hash == START.hex()

    def test_a_whole_log_beyond_one_piece(self, ann: Seller, acme: Organisation) -> None:
        record(acme, 505)
        answer = verified(ann)
        assert (answer.valid, answer.entries, answer.problem) == (True, 505, "")
        assert answer.head_hash == listed(ann, page_size=1)[0].entry_hash
        assert answer.anchored_entries == 0
        assert "Nothing of this log" in answer.notice

    def test_entries_of_many_bytes_come_in_smaller_pieces(
        self, ann: Seller, acme: Organisation
    ) -> None:
        record(acme, 12, notes="x" * 1_000_000)
        assert verified(ann).entries == 12

    def test_logs_of_others_do_not_matter(
        self, ann: Seller, acme: Organisation, globex: Organisation
    ) -> None:
        record(acme, 3)
        record(globex, 3)
        acme.database.execute(
            "UPDATE app.audit_entries SET target = 'x' WHERE org_id = %s", globex.org_id
        )
        assert verified(ann).valid

    def test_it_sees_one_moment_while_others_go_on(self, ann: Seller, acme: Organisation) -> None:
        """However the two meet, no entry is half there."""
        record(acme, 505)
        for _ in range(5):
            running = [verified_later(ann) for _ in range(2)]
            record(acme, 20)
            assert all(one.result().valid for one in running)
        assert verified(ann).entries == 605

    def test_who_stops_waiting_stops_the_work(self, ann: Seller, acme: Organisation) -> None:
        record(acme, 3)
        with acme.database.connect() as admin, admin.transaction():
            admin.execute("LOCK TABLE app.audit_entries IN ACCESS EXCLUSIVE MODE")
            code = refused(ann, "VerifyAuditLog", pb.VerifyAuditLogRequest(), timeout=1)
            assert code == grpc.StatusCode.DEADLINE_EXCEEDED
            deadline = time.monotonic() + 3  # before it gives up on the lock by itself
            while admin.execute(WAITING).fetchone() != (0,):
                assert time.monotonic() < deadline, "it is still at work"
                time.sleep(0.02)
        assert verified(ann).entries == 3


def verified_later(caller: Seller) -> Any:
    stub = caller._stubs[-1]
    return stub.VerifyAuditLog.future(
        pb.VerifyAuditLogRequest(), metadata=caller.metadata, timeout=20
    )


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where ends are written down, for all tests here."""
    return tmp_path_factory.mktemp("outside") / "anchors.jsonl"


@pytest.fixture(scope="module")
def own(shared_database: MigratedDatabase, file: Path) -> Iterator[Pricing]:
    """A service that compares with that file."""
    with running_pricing(shared_database, FOOTFALL_AUDIT_ANCHORS_FILE=str(file)) as running:
        yield running


def end(file: Path, organisation: Organisation) -> int:
    """The number that was written down last."""
    found = FileAnchors(file).of(organisation.org_id).anchors
    return found[-1].sequence if found else 0


def anchored(file: Path, *logs: tuple[Organisation, int]) -> None:
    """Have a worker write down these ends."""

    async def run() -> None:
        settings = {
            "FOOTFALL_AUDIT_ANCHORS_FILE": str(file),
            "FOOTFALL_PRICING_WORKER_ANCHOR_SECONDS": "0.1",
        }
        async with (
            running_pricing_worker(logs[0][0].database, **settings),
            asyncio.timeout(20),
        ):
            while any(end(file, log) < count for log, count in logs):  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    asyncio.run(run())


class TestAnchors:
    def test_ends_that_moved_are_written_down_and_compared(
        self, own: Pricing, file: Path, acme: Organisation, globex: Organisation
    ) -> None:
        record(acme, 5)
        record(globex, 2)
        anchored(file, (acme, 5), (globex, 2))
        record(acme, 4)
        anchored(file, (acme, 9))
        record(acme, 1)
        answer = verified(own.seller(acme, "ann"))
        assert (answer.valid, answer.entries, answer.anchored_entries) == (True, 10, 9)
        assert abs(answer.anchored_at.seconds - time.time()) < 60
        assert answer.notice == ""
        of_globex = FileAnchors(file).of(globex.org_id).anchors
        assert [one.sequence for one in of_globex] == [2], "an end that rests is written once"

    def test_what_only_the_file_shows(self, own: Pricing, file: Path, acme: Organisation) -> None:
        ann = own.seller(acme, "ann")
        record(acme, 8)
        anchored(file, (acme, 8))
        database, org_id = acme.database, acme.org_id
        database.execute("DELETE FROM app.audit_entries WHERE org_id = %s AND sequence > 5", org_id)
        database.execute(BACK_TO_THE_LAST, org_id)
        answer = verified(ann)
        assert (answer.valid, answer.first_bad_entry, answer.entries) == (False, 6, 5)
        assert "there were 8, by what was written down" in answer.problem
        record(acme, 9)
        answer = verified(ann)
        assert (answer.valid, answer.first_bad_entry) == (False, 1)
        for table in ("audit_entries", "audit_heads"):
            database.execute(f"DELETE FROM app.{table} WHERE org_id = %s", org_id)
        answer = verified(ann)
        assert (answer.valid, answer.first_bad_entry, answer.entries) == (False, 1, 0)

    def test_a_file_that_cannot_be_read_is_said(
        self, own: Pricing, file: Path, acme: Organisation
    ) -> None:
        record(acme, 2)
        file.touch()
        aside = file.rename(file.with_suffix(".aside"))
        file.mkdir()
        try:
            answer = verified(own.seller(acme, "ann"))
        finally:
            file.rmdir()
            aside.rename(file)
        assert (answer.valid, answer.anchored_entries) == (True, 0)
        assert "Nothing was compared" in answer.notice

    def test_damaged_lines_are_said_and_the_worker_says_when_a_log_lost_entries(
        self, own: Pricing, file: Path, acme: Organisation
    ) -> None:
        record(acme, 2)
        anchored(file, (acme, 2))
        whole = file.stat().st_size
        with file.open("ab") as appended:
            appended.write(f'{{"org_id": "{acme.org_id}", "seq\n'.encode())
        try:
            answer = verified(own.seller(acme, "ann"))
        finally:
            os.truncate(file, whole)
        assert (answer.valid, answer.anchored_entries) == (True, 2)
        assert "1 line was damaged" in answer.notice
        change = "UPDATE app.audit_entries SET entry_hash = sha256('x') WHERE org_id = %s"
        acme.database.execute(change, acme.org_id)
        record(acme, 1)

        async def run() -> None:
            setting = {"FOOTFALL_AUDIT_ANCHORS_FILE": str(file)}
            async with running_pricing_worker(acme.database, **setting) as worker:
                await worker.heard(
                    "an audit log lost what was written down of it: footfall audit verify"
                )

        asyncio.run(run())
