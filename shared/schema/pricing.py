"""What is sold, to whom, and what is known of its price. Written by pricing.

Each table is written by the area that is named; prices and approvals are in `prices.py`.

Amounts are whole minor units of their currency: cents, yen, fils. States, verdicts and periods are
the numbers of the contract.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.schema.metadata import metadata, moment, org_id

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
    UniqueConstraint("org_id", "tier_id", "currency"),
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
    Index(
        "competitor_prices_newest",
        "org_id",
        "tier_id",
        "competitor",
        "offer",
        "observed_at",
        "competitor_price_id",
    ),
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
    Column("within", Boolean, comment="NULL where that cannot be judged"),
    Column("paid_share", Double, nullable=False),
    moment("reviewed_at"),
)
