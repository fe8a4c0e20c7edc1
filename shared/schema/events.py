"""Events and what is kept beside them in the same write. Written by event-ingest.

The identity of an event is its place: `id_time` is a pure function of `event_id` (`shared/ids.py`),
the table is partitioned by it, and so the primary key is unique by id alone within an organisation.
"""

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.schema.metadata import metadata, moment, org_id

COMPETENCY_AREAS = (
    "customer_intelligence",
    "value_communication",
    "sales_execution",
    "systematic_optimization",
)
"""Competencies with a counter of their own in `user_day`; events may name others."""

event_types = Table(
    "event_types",
    metadata,
    org_id(),
    Column("type_id", Integer, primary_key=True, autoincrement=False),
    Column("name", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("properties_schema", Text, nullable=False, comment="empty means anything"),
    Column("default_impact", SmallInteger, nullable=False),
    Column("retention_days", Integer, comment="NULL means as long as the organisation keeps"),
    Column("deprecated", SmallInteger, nullable=False, server_default="0"),
    moment("refuse_from", nullable=True),
    Column("version", Integer, nullable=False),
    Index("event_types_name", "org_id", "name", unique=True),
)

events = Table(
    "events",
    metadata,
    org_id(),
    moment("id_time", primary_key=True),
    Column("event_id", Uuid, primary_key=True),
    moment("occurred_at"),
    moment("received_at"),
    Column("content_hash", BigInteger, nullable=False),
    Column("type_id", Integer, nullable=False),
    Column("impact", SmallInteger, nullable=False),
    Column(
        "retention_days", Integer, comment="the event's own; NULL follows type and organisation"
    ),
    Column("points", Integer, comment="competency points of a milestone"),
    Column("cost_nanos", BigInteger, comment="in the organisation's currency"),
    Column("amount_micros", BigInteger, comment="revenue, in `currency`"),
    Column("currency", Text),
    Column("user_id", Text),
    Column("session_id", Text),
    Column("client_id", Text),
    Column("feature", Text),
    Column("data", JSONB, comment="all else, by the names of services/event_ingest/events/wire.py"),
    Index("events_occurred", "org_id", "occurred_at"),
    Index(
        "events_user",
        "org_id",
        "user_id",
        "occurred_at",
        postgresql_where=text("user_id IS NOT NULL"),
    ),
    # Retention finds the few rows that say their own; all others go by time.
    Index(
        "events_own_retention",
        "org_id",
        "retention_days",
        "occurred_at",
        postgresql_where=text("retention_days IS NOT NULL"),
    ),
    # Journeys find what happened to a client before it was made known: sentiment, support_ticket.
    Index(
        "events_client",
        "org_id",
        "client_id",
        "occurred_at",
        "event_id",
        postgresql_where=text("type_id IN (27, 28) AND client_id IS NOT NULL"),
    ),
    # Pricing finds a year of revenue among all events.
    Index("events_revenue", "org_id", "occurred_at", postgresql_where=text("type_id = 23")),
    postgresql_partition_by="RANGE (id_time)",
)

event_log = Table(
    "event_log",
    metadata,
    org_id(),
    # The writer's transaction id, shifted (`commit_log.py`): served below the oldest running one,
    # it is the order of commits.
    Column(
        "position",
        BigInteger,
        primary_key=True,
        autoincrement=False,
        server_default=text("app.log_position()"),
    ),
    Column("event_ids", ARRAY(Uuid), nullable=False),
    Column("type_ids", ARRAY(Integer), nullable=False, comment="each once"),
    Column("logged_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Index("event_log_position", "position"),
)

event_hourly = Table(
    "event_hourly",
    metadata,
    org_id(),
    moment("hour", primary_key=True),
    Column("type_id", Integer, primary_key=True, autoincrement=False),
    Column("feature", Text, primary_key=True, comment="empty where the event has none"),
    Column("events", BigInteger, nullable=False),
    Column("cost_nanos", BigInteger, nullable=False),
    Index("event_hourly_type", "org_id", "type_id", "hour"),
)

user_day = Table(
    "user_day",
    metadata,
    org_id(),
    Column("day", Date, primary_key=True, comment="in the organisation's time zone"),
    Column("user_id", Text, primary_key=True),
    Column("events", Integer, nullable=False),
    Column("high_impact", Integer, nullable=False),
    Column("medium_impact", Integer, nullable=False),
    Column("tool_uses", Integer, nullable=False),
    Column("exports", Integer, nullable=False),
    Column("resources", Integer, nullable=False),
    Column("milestones", Integer, nullable=False),
    Column("abandonments", Integer, nullable=False),
    Column("voice_generations", Integer, nullable=False),
    Column("reports", Integer, nullable=False),
    Column("competency_points", BigInteger, nullable=False),
    *(
        Column(area, BigInteger, nullable=False, comment="impacts and points of its events")
        for area in COMPETENCY_AREAS
    ),
    Column("cost_nanos", BigInteger, nullable=False),
    moment("first_at"),
    moment("last_at"),
    Index("user_day_user", "org_id", "user_id", "day"),
)

sessions = Table(
    "sessions",
    metadata,
    org_id(),
    Column("user_id", Text, primary_key=True),
    Column("session_id", Text, primary_key=True, comment="the client's; empty where it has none"),
    moment("started_at", primary_key=True),
    Column("session_key", Uuid, nullable=False),
    moment("last_event_at"),
    Column("ended_by", SmallInteger, nullable=False),
    Column("event_count", BigInteger, nullable=False),
    Column("export_count", BigInteger, nullable=False),
    Column("competency_points", BigInteger, nullable=False),
    # By feature how many events and when the first, by field of the device when it was first said:
    # what it takes to add to a session without reading its events again.
    Column("tools", JSONB, nullable=False, comment="feature: [events, first use in µs since 1970]"),
    Column("primary_tool", Text, nullable=False),
    Column(
        "device",
        JSONB,
        nullable=False,
        comment="device_type, browser, os, referrer: [µs since 1970, value]",
    ),
    Index("sessions_key", "org_id", "session_key", unique=True),
    Index("sessions_started", "org_id", "started_at", "session_key"),
    Index("sessions_user", "org_id", "user_id", "started_at", "session_key"),
)

session_cursors = Table(
    "session_cursors",
    metadata,
    org_id(),
    # Sessions hold every event that was logged at or below it.
    Column("position", BigInteger, nullable=False),
)

rejected_events = Table(
    "rejected_events",
    metadata,
    org_id(),
    Column("rejection_id", Uuid, primary_key=True),
    moment("received_at"),
    Column("verdict", SmallInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("event_id", Text, nullable=False, comment="as sent"),
    Column("user_id", Text),
    Column("raw", LargeBinary, nullable=False),
    Index("rejected_events_reason", "org_id", "reason", "rejection_id"),
)

rejected_days = Table(
    "rejected_days",
    metadata,
    org_id(),
    Column("day", Date, primary_key=True, comment="in UTC"),
    Column("kept", BigInteger, nullable=False),
    Column("not_kept", BigInteger, nullable=False),
    Column("kept_bytes", BigInteger, nullable=False, server_default="0"),
)

request_answers = Table(
    "request_answers",
    metadata,
    org_id(),
    Column("method", Text, primary_key=True),
    Column("request_id", Uuid, primary_key=True),
    Column("content_hash", LargeBinary, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    moment("answered_at"),
    Index("request_answers_age", "answered_at"),
)
