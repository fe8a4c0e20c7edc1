"""What insight knows and says. Written by insight.

Apart: `feature_day`, `client_day` and `client_revenue_day` are written by event-ingest, which folds
them from the commit log within seconds; `webhook_endpoints` by the command line, and insight
switches one off whose receiver is gone.

`subject_kind` says what an insight or a count is of: 0 the organisation, 1 a user, 2 a client.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    Index,
    Integer,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.schema.metadata import metadata, moment, org_id

feature_day = Table(
    "feature_day",
    metadata,
    org_id(),
    Column("day", Date, primary_key=True, comment="in the organisation's time zone"),
    Column("subject_kind", SmallInteger, primary_key=True, autoincrement=False),
    Column("feature", Text, primary_key=True),
    Column("subject_id", Text, primary_key=True),
    Column("used", Integer, nullable=False),
    Column("abandoned", Integer, nullable=False),
    Index("feature_day_subject", "org_id", "subject_kind", "subject_id", "day"),
)

client_day = Table(
    "client_day",
    metadata,
    org_id(),
    Column("day", Date, primary_key=True, comment="in the organisation's time zone"),
    Column("client_id", Text, primary_key=True),
    Column("events", Integer, nullable=False),
    Column("high_impact", Integer, nullable=False),
    Column("feature_uses", Integer, nullable=False),
    Column("voice_generations", Integer, nullable=False),
    Column("reports", Integer, nullable=False),
    Column("abandonments", Integer, nullable=False),
    Column("cost_nanos", BigInteger, nullable=False),
    moment("first_at"),
    moment("last_at"),
    Index("client_day_client", "org_id", "client_id", "day"),
)

client_revenue_day = Table(
    "client_revenue_day",
    metadata,
    org_id(),
    Column("client_id", Text, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("day", Date, primary_key=True, comment="in the organisation's time zone"),
    Column("payments", Integer, nullable=False),
    Column("revenue_micros", BigInteger, nullable=False, comment="without refunds"),
    Column("refund_micros", BigInteger, nullable=False),
    Index("client_revenue_day_day", "org_id", "day"),
)

insights = Table(
    "insights",
    metadata,
    org_id(),
    # A pure function of organisation, subject, feature and type: two runs cannot make two of one.
    Column("insight_id", Uuid, primary_key=True),
    Column("insight_type", SmallInteger, nullable=False),
    Column("subject_kind", SmallInteger, nullable=False),
    Column("subject_id", Text, nullable=False, comment="empty for the organisation"),
    Column("feature", Text, nullable=False, comment="empty where the type has none"),
    Column("state", SmallInteger, nullable=False),
    Column("severity", SmallInteger, nullable=False),
    Column("weight", Double, nullable=False, comment="the listed one times confidence"),
    Column("confidence", Double, nullable=False),
    Column("recommendation", JSONB, nullable=False),
    Column("evidence", JSONB, nullable=False),
    moment("window_start"),
    moment("window_end"),
    moment("first_seen_at"),
    Column(
        "last_seen_at",
        DateTime(timezone=True),
        nullable=False,
        comment="`as_of` of the last run in which it held",
    ),
    Column(
        "cleared_at",
        DateTime(timezone=True),
        comment="`as_of` of the run since which it holds no more; NULL while it holds",
    ),
    moment("state_changed_at"),
    Column("state_changed_by", Text, nullable=False, comment="empty when a run did"),
    Column("note", Text, nullable=False),
    Column("closed_severity", SmallInteger, comment="when it was closed last"),
    Column("reopened", Integer, nullable=False, comment="how often"),
    Column("revision", BigInteger, nullable=False),
    Column("settings_version", Integer, nullable=False),
    Column("run_id", Uuid, comment="the last run in which it held"),
    Index(
        "insights_subject",
        "org_id",
        "subject_kind",
        "subject_id",
        "feature",
        "insight_type",
        unique=True,
    ),
    Index("insights_state", "org_id", "state", "last_seen_at"),
)

insight_changes = Table(
    "insight_changes",
    metadata,
    org_id(),
    # As in event_log: served below the oldest running transaction, it is the order of commits.
    Column(
        "position",
        BigInteger,
        primary_key=True,
        autoincrement=False,
        server_default=text("app.log_position()"),
    ),
    Column("insight_ids", ARRAY(Uuid), nullable=False),
    Column("logged_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
)

insight_runs = Table(
    "insight_runs",
    metadata,
    org_id(),
    Column("run_id", Uuid, primary_key=True),
    moment("as_of"),
    Column("subject_kind", SmallInteger, nullable=False, comment="of whom it was"),
    Column("subject_id", Text, nullable=False),
    Column("cause", SmallInteger, nullable=False, comment="1 asked for, 2 on schedule, 3 events"),
    moment("started_at"),
    moment("finished_at"),
    Column("settings_version", Integer, nullable=False),
    Column("subjects", Integer, nullable=False, comment="looked at"),
    Column("found", Integer, nullable=False, comment="that hold"),
    Column("changed", Integer, nullable=False, comment="opened, reopened or expired"),
    Index("insight_runs_as_of", "org_id", "as_of"),
)

detector_settings = Table(
    "detector_settings",
    metadata,
    org_id(),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("settings", JSONB, nullable=False),
    Column("changed_by", Text, nullable=False),
    moment("changed_at"),
)

customer_actions = Table(
    "customer_actions",
    metadata,
    org_id(),
    Column("action_id", Uuid, primary_key=True),
    Column("user_id", Text, nullable=False, comment="empty where it is a client's alone"),
    Column("client_id", Text, nullable=False, comment="empty where it is a user's alone"),
    Column("kind", SmallInteger, nullable=False),
    Column("outcome", SmallInteger, nullable=False),
    Column("competency_area", Text, nullable=False),
    Column("amount_micros", BigInteger),
    Column("currency", Text),
    Column("note", Text, nullable=False),
    moment("occurred_at"),
    moment("recorded_at"),
    Column("recorded_by", Text, nullable=False),
    Index("customer_actions_occurred", "org_id", "occurred_at", "action_id"),
    Index("customer_actions_user", "org_id", "user_id", "occurred_at", "action_id"),
    Index("customer_actions_client", "org_id", "client_id", "occurred_at", "action_id"),
)

feed_deliveries = Table(
    "feed_deliveries",
    metadata,
    org_id(),
    Column("delivery_id", Uuid, primary_key=True),
    Column("feed", SmallInteger, nullable=False),
    Column("session_id", Text, nullable=False, comment="of the concierge; empty for other feeds"),
    Column("insight_ids", ARRAY(Uuid), nullable=False),
    Column("message_id", Uuid, comment="in the outbox; NULL where the feed has no webhook"),
    moment("created_at"),
    Column("created_by", Text, nullable=False),
    Index("feed_deliveries_feed", "org_id", "feed", "delivery_id"),
)

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    org_id(),
    Column("topic", Text, primary_key=True, comment="such as `feed.concierge`"),
    Column("url", Text, nullable=False),
    Column("secret", Text, nullable=False, comment="`whsec_…`, Standard Webhooks"),
    Column("previous_secret", Text, comment="signs too, for a day after the rotation"),
    moment("rotated_at", nullable=True),
    Column("disabled", Boolean, nullable=False, server_default=text("false")),
    Column("disabled_reason", Text, nullable=False),
    moment("created_at"),
)
