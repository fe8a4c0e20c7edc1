"""The functions that write prices, called as the service's login calls them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg

from tests.organisations import Organisation
from tests.postgres import Connection, MigratedDatabase

LOGIN = "footfall_pricing"
ANN, BOB, CARL, ROBOT = "ann", "bob", "carl", "robot"
PEOPLE = ((ANN, "admin"), (BOB, "admin"), (CARL, "owner"), (ROBOT, "service"), ("mia", "member"))
NOTICE = timedelta(hours=720)
_SECOND = timedelta(seconds=1)


def enrol(acme: Organisation) -> None:
    """Two admins, an owner, a program and a member."""
    for subject, role in PEOPLE:
        acme.database.execute(
            "INSERT INTO app.members (org_id, subject, role, created_at)"
            " VALUES (%s, %s, %s, now()) ON CONFLICT (org_id, subject)"
            " DO UPDATE SET role = EXCLUDED.role", acme.org_id, subject, role,
        )  # fmt: skip


def identified(connection: Connection, org: UUID | None, role: str | None, who: str | None) -> None:
    connection.execute("SELECT app.set_identity(%s, %s, %s)", (org, role, who))


class Till:
    """The service's login, for one person of an organisation after the other."""

    def __init__(self, acme: Organisation) -> None:
        self.database: MigratedDatabase = acme.database
        self.org = acme.org_id

    def ask(self, who: str | None, role: str | None, statement: str, *parameters: object) -> Any:
        """What a statement answers, in a transaction of its own."""
        with self.database.connect(LOGIN) as connection, connection.transaction():
            identified(connection, self.org, role, who)
            row = connection.execute(statement.encode(), parameters).fetchone()
            return None if row is None else row[0]

    def tier(self, tier: str = "pro", amount: int = 1000, currency: str = "EUR") -> None:
        """A tier and its first price."""
        self.ask(
            ANN, "admin",
            "INSERT INTO app.tiers (org_id, tier_id, display_name, description, currency,"
            " billing_period, value_metrics, retired, revision, created_at, updated_at)"
            " VALUES (%s, %s, '', '', %s, 1, '[]', false, 1, now(), now()) RETURNING 1",
            self.org, tier, currency,
        )  # fmt: skip
        assert self.first(tier, amount, currency) == "OK"

    def first(self, tier: str, amount: int, currency: str = "EUR") -> Any:
        return self.ask(
            ANN, "admin", "SELECT app.price_first(%s, %s, %s, %s)", self.org, tier, currency, amount
        )

    def subscribe(self, subscription: str = "s-1", client: str = "c-1", tier: str = "pro") -> Any:
        self.ask(
            ANN, "admin",
            "INSERT INTO app.subscriptions (org_id, subscription_id, client_id, tier_id,"
            " started_at, revision) VALUES (%s, %s, %s, %s, now(), 1) RETURNING 1",
            self.org, subscription, client, tier,
        )  # fmt: skip
        return self.price_of(subscription)

    def price_of(self, subscription: str = "s-1") -> Any:
        """Give it the price of its tier."""
        return self.ask(ANN, "admin", "SELECT app.price_subscribe(%s, %s)", self.org, subscription)

    def pays(self, subscription: str = "s-1") -> int:
        [(amount,)] = self.database.execute(
            "SELECT v.amount_minor FROM app.subscription_prices p"
            " JOIN app.price_versions v USING (org_id, tier_id, version)"
            " WHERE org_id = %s AND subscription_id = %s ORDER BY p.valid_from DESC LIMIT 1",
            self.org, subscription,
        )  # fmt: skip
        return int(amount)

    def send_request(self, who: str | None, proposed: int | None, **more: Any) -> Any:
        """The word that comes of a request, or of its next revision when an `etag` is sent."""
        return self.ask(
            who, more.get("role", "admin"),
            "SELECT app.price_request(%s::uuid, %s::uuid, %s::bigint, %s::text, %s::bigint,"
            " %s::text, %s::timestamptz, %s::text, '{}', '[]', %s::text, NULL, NULL)",
            more.get("org", self.org), more.get("approval") or uuid4(), more.get("etag"),
            more.get("tier", "pro"), proposed, more.get("currency", "EUR"), more.get("effective"),
            more.get("reason", "why"), more.get("actor", who),
        )  # fmt: skip

    def request(self, who: str, proposed: int, **more: Any) -> UUID:
        """A request that is made, or revised."""
        approval = more.pop("approval", None) or uuid4()
        assert self.send_request(who, proposed, approval=approval, **more) == "OK"
        return UUID(str(approval))

    def state(self, approval: UUID) -> tuple[int, int, bytes]:
        [row] = self.database.execute(
            "SELECT a.state, a.etag, r.content_hash FROM app.approvals a JOIN"
            " app.approval_revisions r USING (org_id, approval_id, revision)"
            " WHERE approval_id = %s", approval,
        )  # fmt: skip
        return row[0], row[1], bytes(row[2])

    def decide(self, who: str | None, approval: UUID, verdict: int | None = 1, **other: Any) -> Any:
        _, etag, content = self.state(approval)
        return self.ask(
            who, other.get("role", "admin"),
            "SELECT app.price_decide(%s::uuid, %s::uuid, %s::bigint, %s::bytea, %s::smallint,"
            " %s::text, %s::uuid)",
            other.get("org", self.org), other.get("asked", approval), other.get("etag", etag),
            other.get("content", content), verdict, other.get("notes", "yes"), approval,
        )  # fmt: skip

    def agreed(self, proposed: int, tier: str = "pro") -> UUID:
        """A change that Ann asked for and Bob agreed to; it has the id of its approval."""
        change = self.request(ANN, proposed, tier=tier)
        assert self.decide(BOB, change) == "OK"
        return change

    def apply(self, change: UUID) -> Any:
        return self.ask("worker", "service", "SELECT app.price_apply(%s, %s)", self.org, change)

    def notice(self, change: UUID, client: str = "c-1", delivered: object = None) -> Any:
        return self.ask(
            ANN, "admin", "SELECT app.price_notice(%s, %s, %s, %s::timestamptz, 'post', 'ann')",
            self.org, change, client, delivered,
        )  # fmt: skip

    def reach(self, tier: str = "pro") -> list[str]:
        with self.database.connect(LOGIN) as connection, connection.transaction():
            identified(connection, self.org, "service", "worker")
            found = connection.execute(
                "SELECT reached FROM app.price_reach(%s, %s, ARRAY(SELECT subscription_id"
                " FROM app.subscriptions ORDER BY subscription_id))", (self.org, tier)
            ).fetchall()  # fmt: skip
            return [one for (one,) in found]

    def price(self, tier: str = "pro") -> int:
        [(amount,)] = self.database.execute(
            "SELECT amount_minor FROM app.price_versions WHERE org_id = %s AND tier_id = %s"
            " ORDER BY version DESC LIMIT 1", self.org, tier,
        )  # fmt: skip
        return int(amount)

    def ripe(self, proposed: int, tier: str = "pro") -> UUID:
        """A change to which somebody agreed so long ago that its notice has run."""
        change = self.agreed(proposed, tier)
        self.travel(change, NOTICE + _SECOND)
        return change

    def travel(self, change: UUID, by: timedelta) -> None:
        """As if it had been approved so much earlier; before it is applied."""
        self.database.execute(
            "UPDATE app.price_changes SET approved_at = approved_at - %s,"
            " effective_at = effective_at - %s WHERE price_change_id = %s", by, by, change,
        )  # fmt: skip


def refusal(connection: Connection, statement: str, parameters: Any = ()) -> str | None:
    """The SQLSTATE with which a statement is refused, its transaction's end included; undone."""
    try:
        with connection.transaction(force_rollback=True):
            connection.execute(statement.encode(), parameters)
            if not statement.startswith(("SET", "LOCK")):
                connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except psycopg.Error as error:
        return error.sqlstate
    return None
