"""Prices and who agreed to them: written by nobody but the functions of `price_guard.py`.

The service's login can read these tables and call those functions. Amounts are whole minor units of
their currency; states and verdicts are the numbers of the contract.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.schema.metadata import metadata, moment, org_id


def _points_to(
    table: str, columns: str, *, at_the_end: bool = False, **theirs: str
) -> ForeignKeyConstraint:
    """A key to columns of the same names, or of `theirs`; `at_the_end` of the transaction."""
    own = columns.split()
    return ForeignKeyConstraint(
        own,
        [f"app.{table}.{theirs.get(column, column)}" for column in own],
        deferrable=at_the_end or None,
        initially="DEFERRED" if at_the_end else None,
    )


approvals = Table(
    "approvals",
    metadata,
    org_id(),
    Column("approval_id", Uuid, primary_key=True),
    Column("tier_id", Text, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("revision", Integer, nullable=False, comment="the current one, from 1"),
    Column("etag", BigInteger, nullable=False, comment="counts every change"),
    Column("suggestion_id", Uuid),
    Column("rolls_back", Uuid, comment="the change that it undoes"),
    moment("requested_at"),
    moment("expires_at"),
    moment("changed_at"),
    UniqueConstraint("org_id", "approval_id", "tier_id"),
    Index("approvals_requested", "org_id", "requested_at", "approval_id"),
    Index("approvals_tier", "org_id", "tier_id", "state"),
    Index("approvals_expiring", "expires_at", "org_id", postgresql_where=text("state IN (1, 4)")),
)

approval_revisions = Table(
    "approval_revisions",
    metadata,
    org_id(),
    Column("approval_id", Uuid, primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("content_hash", LargeBinary, nullable=False),
    Column("base_version", Integer, nullable=False),
    Column("current_minor", BigInteger, nullable=False),
    Column("proposed_minor", BigInteger, nullable=False),
    Column("currency", Text, ForeignKey("app.currencies.code"), nullable=False),
    moment("requested_effective_at", nullable=True),
    Column("reason", Text, nullable=False),
    Column("evidence", JSONB, nullable=False),
    Column("risks", JSONB, nullable=False),
    Column("contributors", ARRAY(Text), nullable=False, comment="who asked, and for whom"),
    moment("made_at"),
    UniqueConstraint("org_id", "approval_id", "revision", "content_hash"),
    UniqueConstraint(
        "org_id",
        "approval_id",
        "revision",
        "content_hash",
        "base_version",
        "current_minor",
        "proposed_minor",
        "currency",
    ),
    _points_to("approvals", "org_id approval_id"),
)

approval_verdicts = Table(
    "approval_verdicts",
    metadata,
    org_id(),
    Column("approval_id", Uuid, primary_key=True),
    Column("revision", Integer, primary_key=True, autoincrement=False),
    Column("content_hash", LargeBinary, nullable=False),
    Column("verdict", SmallInteger, nullable=False),
    Column("decided_by", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("notes", Text, nullable=False),
    moment("decided_at"),
    UniqueConstraint("org_id", "approval_id", "revision", "content_hash", "verdict"),
    _points_to("approval_revisions", "org_id approval_id revision content_hash"),
)

price_changes = Table(
    "price_changes",
    metadata,
    org_id(),
    Column("price_change_id", Uuid, primary_key=True),
    Column("approval_id", Uuid, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("content_hash", LargeBinary, nullable=False),
    Column("verdict", SmallInteger, nullable=False, comment="1: there is none without consent"),
    Column("tier_id", Text, nullable=False),
    Column("base_version", Integer, nullable=False),
    Column("old_minor", BigInteger, nullable=False),
    Column("new_minor", BigInteger, nullable=False),
    Column("currency", Text, ForeignKey("app.currencies.code"), nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("etag", BigInteger, nullable=False),
    moment("approved_at"),
    moment("effective_at"),
    moment("applied_at", nullable=True),
    moment("ended_at", nullable=True),
    Column("problem", Text, nullable=False),
    UniqueConstraint("org_id", "approval_id"),
    UniqueConstraint(
        "org_id",
        "price_change_id",
        "approval_id",
        "content_hash",
        "tier_id",
        "new_minor",
        "currency",
        "effective_at",
    ),
    Index("price_changes_approved", "org_id", "approved_at", "price_change_id"),
    Index("price_changes_due", "effective_at", "org_id", postgresql_where=text("state IN (1, 2)")),
    Index(
        "price_changes_applied", "effective_at", "org_id", postgresql_where=text("state IN (3, 4)")
    ),
    Index(
        "price_changes_standing",
        "org_id",
        "tier_id",
        postgresql_where=text("state IN (1, 2, 3, 4)"),
    ),
    _points_to("approval_verdicts", "org_id approval_id revision content_hash verdict"),
    _points_to("approvals", "org_id approval_id tier_id"),
    # What was asked for is what is done.
    _points_to(
        "approval_revisions",
        "org_id approval_id revision content_hash base_version old_minor new_minor currency",
        old_minor="current_minor",
        new_minor="proposed_minor",
    ),
)

price_versions = Table(
    "price_versions",
    metadata,
    org_id(),
    Column("tier_id", Text, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, ForeignKey("app.currencies.code"), nullable=False),
    moment("valid_from"),
    moment("valid_to", nullable=True),
    Column(
        "reach_at",
        DateTime(timezone=True),
        comment="when subscribers are to be looked at next; NULL while none waits",
    ),
    Column(
        "reach_all",
        Boolean,
        nullable=False,
        server_default=text("true"),
        comment="at all of them, not at those alone whose notices run out from reach_at on",
    ),
    Column(
        "reach_calls",
        Integer,
        nullable=False,
        server_default=text("0"),
        comment="how often somebody was due who may have been passed by already",
    ),
    Column("price_change_id", Uuid, comment="NULL for the first"),
    Column("approval_id", Uuid),
    Column("content_hash", LargeBinary),
    CheckConstraint(
        "(version = 1) = (price_change_id IS NULL)"
        " AND (version = 1) = (approval_id IS NULL) AND (version = 1) = (content_hash IS NULL)",
        name="price_versions_consent",
    ),
    Index(
        "price_versions_in_force",
        "org_id",
        "tier_id",
        unique=True,
        postgresql_where=text("valid_to IS NULL"),
    ),
    Index(
        "price_versions_reach",
        "reach_at",
        "org_id",
        postgresql_where=text("reach_at IS NOT NULL"),
    ),
    _points_to("tiers", "org_id tier_id currency"),
    # What was agreed to is what counts, from the time on that its notice allows.
    _points_to(
        "price_changes",
        "org_id price_change_id approval_id content_hash tier_id amount_minor currency valid_from",
        at_the_end=True,
        amount_minor="new_minor",
        valid_from="effective_at",
    ),
)

price_notices = Table(
    "price_notices",
    metadata,
    org_id(),
    Column("price_change_id", Uuid, primary_key=True),
    Column("client_id", Text, primary_key=True),
    moment("delivered_at"),
    moment("effective_at"),
    moment("recorded_at"),
    Column("recorded_by", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Index("price_notices_due", "org_id", "price_change_id", "effective_at"),
    _points_to("price_changes", "org_id price_change_id"),
)

subscription_prices = Table(
    "subscription_prices",
    metadata,
    org_id(),
    Column("subscription_id", Text, primary_key=True),
    moment("valid_from", primary_key=True),
    Column("tier_id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    _points_to("price_versions", "org_id tier_id version"),
)
