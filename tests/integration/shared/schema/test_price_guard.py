"""The database lets nobody around consent and notice, whatever the service's login sends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.organisations import Organisation, add_organisation
from tests.postgres import MigratedDatabase

LOGIN = "footfall_pricing"


@pytest.fixture
def acme(database: MigratedDatabase) -> Organisation:
    acme = add_organisation(database, "Acme")
    database.execute(
        "INSERT INTO app.members (org_id, subject, role, created_at) SELECT %s, m.subject, m.role,"
        " now() FROM (VALUES ('ann', 'admin'), ('bob', 'admin'), ('robot', 'service'))"
        " AS m (subject, role)", acme.org_id,
    )  # fmt: skip
    return acme


class Till:
    """The service's login, for one person of an organisation."""

    def __init__(self, database: MigratedDatabase, acme: Organisation) -> None:
        self.database, self.org = database, acme.org_id

    def ask(self, subject: str, role: str, statement: str, *parameters: object) -> object:
        with self.database.connect(LOGIN) as connection, connection.transaction():
            connection.execute("SELECT app.set_identity(%s, %s, %s)", (self.org, role, subject))
            row = connection.execute(statement.encode(), parameters).fetchone()
            return None if row is None else row[0]

    def first(self, tier: str = "pro", amount: int = 1000) -> None:
        word = self.ask(
            "ann", "admin", "SELECT app.price_first(%s, %s, 'EUR', %s)", self.org, tier, amount
        )
        assert word == "OK"

    def request(self, subject: str, proposed: int, etag: int | None = None, **more: object) -> UUID:
        approval = more.pop("approval", None) or uuid4()
        word = self.ask(
            subject, "admin",
            "SELECT app.price_request(%s, %s, %s, 'pro', %s, 'EUR', %s, 'why', '{}', '[]', %s,"
            " NULL, NULL)",
            self.org, approval, etag, proposed, more.pop("effective", None), subject,
        )  # fmt: skip
        assert word == "OK"
        assert isinstance(approval, UUID)
        return approval

    def state(self, approval: UUID) -> tuple[int, int, bytes]:
        [row] = self.database.execute(
            "SELECT a.state, a.etag, r.content_hash FROM app.approvals a JOIN"
            " app.approval_revisions r USING (org_id, approval_id, revision)"
            " WHERE approval_id = %s", approval,
        )  # fmt: skip
        return row[0], row[1], bytes(row[2])

    def decide(
        self, subject: str, approval: UUID, verdict: int = 1, role: str = "admin", **other: object
    ) -> object:
        _, etag, content = self.state(approval)
        return self.ask(
            subject, role, "SELECT app.price_decide(%s, %s, %s, %s, %s::smallint, %s, %s)",
            self.org, approval, other.get("etag", etag), other.get("content", content), verdict,
            other.get("notes", "yes"), other.get("change", approval),
        )  # fmt: skip

    def apply(self, change: UUID) -> object:
        return self.ask("worker", "service", "SELECT app.price_apply(%s, %s)", self.org, change)

    def price(self) -> int:
        [(amount,)] = self.database.execute(
            "SELECT amount_minor FROM app.price_versions WHERE org_id = %s AND tier_id = 'pro'"
            " ORDER BY version DESC LIMIT 1", self.org,
        )  # fmt: skip
        return int(amount)

    def travel(self, change: UUID, by: timedelta) -> None:
        """As if it had been approved so much earlier."""
        self.database.execute(
            "UPDATE app.price_changes SET approved_at = approved_at - %s,"
            " effective_at = effective_at - %s WHERE price_change_id = %s", by, by, change,
        )  # fmt: skip


@pytest.fixture
def till(database: MigratedDatabase, acme: Organisation) -> Till:
    till = Till(database, acme)
    till.first()
    return till


def test_a_decrease_takes_effect_with_the_consent_of_another(till: Till) -> None:
    change = till.request("ann", 900)
    assert till.decide("ann", change) == "SELF_APPROVAL"
    assert till.decide("bob", change) == "OK"
    assert till.apply(change) == "OK"
    assert till.price() == 900
    assert till.apply(change) == "ALREADY_APPLIED"


def test_an_increase_waits_for_its_notice(till: Till) -> None:
    change = till.request("ann", 1100)
    assert till.decide("bob", change) == "OK"
    assert till.apply(change) == "TOO_EARLY"
    till.travel(change, timedelta(hours=720) - timedelta(seconds=5))
    assert till.apply(change) == "TOO_EARLY"
    till.travel(change, timedelta(seconds=6))
    assert till.apply(change) == "OK"
    assert till.price() == 1100


@pytest.mark.parametrize(
    ("subject", "role"),
    [("robot", "service"), ("robot", "admin"), ("nobody", "owner"), ("bob", "member")],
)
def test_who_is_no_admin_never_decides(till: Till, subject: str, role: str) -> None:
    assert till.decide(subject, till.request("ann", 900), role=role) == "ROLE"


def test_consent_is_to_exactly_one_content(till: Till) -> None:
    change = till.request("ann", 900)
    _, etag, content = till.state(change)
    till.request("bob", 800, etag, approval=change)
    assert till.decide("bob", change) == "SELF_APPROVAL"
    acme_carl = till.database
    assert acme_carl is not None
    assert till.state(change)[2] != content


def test_nothing_is_written_but_through_the_functions(till: Till) -> None:
    change = till.request("ann", 900)
    for statement in (
        (
            "INSERT INTO app.price_versions (org_id, tier_id, version, amount_minor, currency,"
            " valid_from) VALUES (app.current_org(), 'pro', 2, 1, 'EUR', now())"
        ),
        "UPDATE app.price_versions SET amount_minor = 1",
        "DELETE FROM app.price_versions",
        "UPDATE app.approvals SET state = 2",
        (
            "INSERT INTO app.approval_verdicts SELECT org_id, approval_id, revision, content_hash, 1,"
            " 'bob', 'admin', 'yes', now() FROM app.approval_revisions"
        ),
        "UPDATE app.price_changes SET effective_at = now()",
        "UPDATE app.price_notices SET delivered_at = now()",
        "UPDATE app.subscription_prices SET version = 1",
        "SET ROLE footfall_price_guard",
        "SELECT app.price_close(app.current_org(), NULL, 2::smallint)",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            till.ask("bob", "admin", statement)
    assert till.state(change)[0] == 1
    assert till.price() == 1000
    assert datetime.now(UTC)
