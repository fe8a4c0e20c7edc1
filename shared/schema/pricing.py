"""What is sold, at what price, and who agreed to it. Written by pricing.

Prices, approvals, verdicts, changes, notices and what subscribers pay are written by nobody but the
functions of `price_guard.py`: the service's login can read them and call those functions. The rest
is written by the service, each table by the area that is named.

Amounts are whole minor units of their currency: cents, yen, fils. States, verdicts and periods are
the numbers of the contract.
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

MAX_MINOR = 999_999_999_999
"""Twelve digits."""

# Of nobody: the currencies of ISO 4217, by the migration.
currencies = Table(
    "currencies",
    metadata,
    Column("code", Text, primary_key=True),
    Column("exponent", SmallInteger, nullable=False, comment="digits of its minor unit"),
)

# By `tiers`.
tiers = Table(
    "tiers",
    metadata,
    org_id(),
    Column("tier_id", Text, primary_key=True, comment="the caller's own id"),
    Column("display_name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("currency", Text, ForeignKey("app.currencies.code"), nullable=False),
    Column("billing_period", SmallInteger, nullable=False),
    Column("value_metrics", JSONB, nullable=False),
    Column("cost_to_serve_minor", BigInteger),
    Column("floor_minor", BigInteger),
    Column("retired", Boolean, nullable=False),
    Column("revision", BigInteger, nullable=False),
    moment("created_at"),
    moment("updated_at"),
)

# By `tiers`: which client is on which tier.
subscriptions = Table(
    "subscriptions",
    metadata,
    org_id(),
    Column("subscription_id", Text, primary_key=True),
    Column("client_id", Text, nullable=False),
    Column("tier_id", Text, nullable=False),
    moment("started_at"),
    moment("ended_at", nullable=True),
    Column("revision", BigInteger, nullable=False),
    Index("subscriptions_tier", "org_id", "tier_id", "subscription_id"),
    Index("subscriptions_client", "org_id", "client_id", "subscription_id"),
)

# By `competitors`.
competitor_prices = Table(
    "competitor_prices",
    metadata,
    org_id(),
    Column("competitor_price_id", Uuid, primary_key=True),
    Column("tier_id", Text, nullable=False),
    Column("competitor", Text, nullable=False),
    Column("offer", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, ForeignKey("app.currencies.code"), nullable=False),
    moment("observed_at"),
    Column("source", Text, nullable=False),
    Column("recorded_by", Text, nullable=False),
    moment("recorded_at"),
    Index("competitor_prices_seen", "org_id", "observed_at", "competitor_price_id"),
    Index("competitor_prices_tier", "org_id", "tier_id", "observed_at"),
)

# By `suggestions`.
price_suggestions = Table(
    "price_suggestions",
    metadata,
    org_id(),
    Column("suggestion_id", Uuid, primary_key=True),
    Column("tier_id", Text, nullable=False),
    Column("suggestion", JSONB, nullable=False),
    moment("made_at"),
    Column("made_by", Text, nullable=False),
)

# By `guard_rails`.
pricing_settings = Table(
    "pricing_settings",
    metadata,
    org_id(),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("settings", JSONB, nullable=False),
    Column("changed_by", Text, nullable=False),
    moment("changed_at"),
)

# By `approvals`: which requests changed, in the order of commits.
approval_changes = Table(
    "approval_changes",
    metadata,
    org_id(),
    Column(
        "position",
        BigInteger,
        primary_key=True,
        autoincrement=False,
        server_default=text("app.log_position()"),
    ),
    Column("approval_ids", ARRAY(Uuid), nullable=False),
    Column("logged_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
)

# By `changes`: predicted against actual.
price_change_reviews = Table(
    "price_change_reviews",
    metadata,
    org_id(),
    Column("price_change_id", Uuid, primary_key=True),
    Column("days", SmallInteger, primary_key=True, autoincrement=False),
    Column("predicted", JSONB, nullable=False),
    Column("actual_minor", BigInteger, nullable=False),
    Column("within", Boolean, nullable=False),
    moment("reviewed_at"),
)

# By the functions alone, from here on.
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
    Index("approvals_requested", "org_id", "requested_at", "approval_id"),
    Index("approvals_tier", "org_id", "tier_id", "state"),
    Index("approvals_expiring", "org_id", "expires_at", postgresql_where=text("state IN (1, 4)")),
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
    ForeignKeyConstraint(
        ["org_id", "approval_id"], ["app.approvals.org_id", "app.approvals.approval_id"]
    ),
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
    ForeignKeyConstraint(
        ["org_id", "approval_id", "revision", "content_hash"],
        [
            "app.approval_revisions.org_id",
            "app.approval_revisions.approval_id",
            "app.approval_revisions.revision",
            "app.approval_revisions.content_hash",
        ],
    ),
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
    UniqueConstraint("org_id", "price_change_id", "approval_id", "content_hash"),
    Index("price_changes_approved", "org_id", "approved_at", "price_change_id"),
    Index("price_changes_due", "org_id", "effective_at", postgresql_where=text("state IN (1, 2)")),
    ForeignKeyConstraint(
        ["org_id", "approval_id", "revision", "content_hash", "verdict"],
        [
            "app.approval_verdicts.org_id",
            "app.approval_verdicts.approval_id",
            "app.approval_verdicts.revision",
            "app.approval_verdicts.content_hash",
            "app.approval_verdicts.verdict",
        ],
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
    Column("price_change_id", Uuid, comment="NULL for the first"),
    Column("approval_id", Uuid),
    Column("content_hash", LargeBinary),
    CheckConstraint(
        "(version = 1) = (price_change_id IS NULL)"
        " AND (version = 1) = (approval_id IS NULL) AND (version = 1) = (content_hash IS NULL)",
        name="price_versions_consent",
    ),
    ForeignKeyConstraint(
        ["org_id", "price_change_id", "approval_id", "content_hash"],
        [
            "app.price_changes.org_id",
            "app.price_changes.price_change_id",
            "app.price_changes.approval_id",
            "app.price_changes.content_hash",
        ],
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
    Index("price_notices_due", "org_id", "effective_at"),
    ForeignKeyConstraint(
        ["org_id", "price_change_id"],
        ["app.price_changes.org_id", "app.price_changes.price_change_id"],
    ),
)

subscription_prices = Table(
    "subscription_prices",
    metadata,
    org_id(),
    Column("subscription_id", Text, primary_key=True),
    moment("valid_from", primary_key=True),
    Column("tier_id", Text, nullable=False),
    Column("version", Integer, nullable=False),
    ForeignKeyConstraint(
        ["org_id", "tier_id", "version"],
        [
            "app.price_versions.org_id",
            "app.price_versions.tier_id",
            "app.price_versions.version",
        ],
    ),
)
