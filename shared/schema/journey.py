"""Where clients stand. Written by journey, each table by one area of it; the area is named.

Stages, risks, levels, actions, channels and outcomes are the numbers of the contract.
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
    LargeBinary,
    SmallInteger,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from shared.schema.metadata import metadata, moment, org_id

# By `clients`.
clients = Table(
    "clients",
    metadata,
    org_id(),
    Column("client_id", Text, primary_key=True, comment="the caller's own id"),
    Column("name", Text, nullable=False),
    Column("email", Text, nullable=False),
    Column("ai_score", Double, comment="NULL means 50"),
    Column("status", Text, nullable=False),
    Column("owner", Text, nullable=False),
    Column("tags", ARRAY(Text), nullable=False),
    Column("time_zone", Text, nullable=False, comment="empty means the organisation's"),
    Column("do_not_contact", Boolean, nullable=False),
    Column("segment", Text, nullable=False),
    Column("revision", BigInteger, nullable=False),
    moment("created_at"),
    moment("updated_at"),
    Column(
        "adopted",
        Boolean,
        nullable=False,
        comment="whether ingested events from before it was made known were looked for",
    ),
    Index("clients_owner", "org_id", "owner", "client_id"),
    Index("clients_unadopted", "org_id", "client_id", postgresql_where=text("NOT adopted")),
)

# By `clients`: what counts in answers about the past.
client_versions = Table(
    "client_versions",
    metadata,
    org_id(),
    Column("client_id", Text, primary_key=True),
    moment("valid_from", primary_key=True),
    Column("ai_score", Double),
    Column("time_zone", Text, nullable=False),
    Column("do_not_contact", Boolean, nullable=False),
    Column("segment", Text, nullable=False),
)

# By `journeys`.
journey_events = Table(
    "journey_events",
    metadata,
    org_id(),
    Column("event_id", Uuid, primary_key=True),
    Column("client_id", Text, nullable=False),
    moment("occurred_at"),
    Column("stage", SmallInteger, comment="NULL where it does not move the client"),
    Column("event_type", Text, nullable=False),
    Column("metadata", JSONB, nullable=False),
    moment("received_at"),
    Column("source", SmallInteger, nullable=False, comment="1 tracked, 2 ingested"),
    Column("content_hash", LargeBinary, nullable=False, comment="of what the caller sent"),
    Index("journey_events_client", "org_id", "client_id", "occurred_at", "event_id"),
)

# By `journeys`: times in one stage without a break, derived from the events.
stage_visits = Table(
    "stage_visits",
    metadata,
    org_id(),
    Column("client_id", Text, primary_key=True),
    moment("entered_at", primary_key=True),
    Column("event_id", Uuid, primary_key=True, comment="by which it came"),
    Column("stage", SmallInteger, nullable=False),
    moment("left_at", nullable=True),
    Column("next_stage", SmallInteger, comment="NULL while it is there"),
    Column("unusual", Boolean, nullable=False),
    Index("stage_visits_entered", "org_id", "stage", "entered_at"),
    Index("stage_visits_left", "org_id", "stage", "left_at"),
)

# By `journeys`: where each client stands; one row for each client, made with it.
client_states = Table(
    "client_states",
    metadata,
    org_id(),
    Column("client_id", Text, primary_key=True),
    Column("facts", JSONB, nullable=False, comment="all that rules ask of the events up to now"),
    Column("contacts", JSONB, nullable=False, comment="the latest outcomes of actions"),
    Column("stage", SmallInteger, nullable=False),
    moment("stage_since"),
    Column("score", Double, nullable=False),
    Column("risk_level", SmallInteger, nullable=False),
    Column("findings", JSONB, nullable=False, comment="the risks that hold, with evidence"),
    moment("last_event_at", nullable=True),
    moment("as_of"),
    Column(
        "next_check_at",
        DateTime(timezone=True),
        comment="when it changes without any event; NULL when it does not",
    ),
    Column("settings_version", Integer, nullable=False),
    Index(
        "client_states_risk",
        "org_id",
        text("risk_level DESC"),
        "score",
        "client_id",
        postgresql_where=text("risk_level > 1"),
    ),
    Index("client_states_stage", "org_id", "stage", text("risk_level DESC"), "score", "client_id"),
    Index("client_states_due", "org_id", "next_check_at"),
)

# By `journeys`: which clients changed, in the order of commits.
journey_changes = Table(
    "journey_changes",
    metadata,
    org_id(),
    Column(
        "position",
        BigInteger,
        primary_key=True,
        autoincrement=False,
        server_default=text("app.log_position()"),
    ),
    Column("client_ids", ARRAY(Text), nullable=False),
    Column("logged_at", DateTime(timezone=True), nullable=False, server_default=text("now()")),
    Index("journey_changes_position", "position"),
)

# By `catalogue`.
journey_settings = Table(
    "journey_settings",
    metadata,
    org_id(),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("settings", JSONB, nullable=False),
    Column("changed_by", Text, nullable=False),
    moment("changed_at"),
)

# By `signals`: what insight last said of each client.
client_signals = Table(
    "client_signals",
    metadata,
    org_id(),
    Column("client_id", Text, primary_key=True),
    Column("feature_uses", BigInteger, nullable=False, comment="in 30 days"),
    Column("feature_uses_p25", Double, comment="NULL with fewer than 20 active clients"),
    Column("recent_events", BigInteger, nullable=False),
    Column("previous_events", BigInteger, nullable=False),
    Column("insight_types", ARRAY(Integer), nullable=False, comment="that are open"),
    moment("measured_at"),
)

# By `signals`: the same whenever it turned from low to not low or back, for answers about the past.
signal_turns = Table(
    "signal_turns",
    metadata,
    org_id(),
    Column("client_id", Text, primary_key=True),
    moment("valid_from", primary_key=True),
    Column("feature_uses", BigInteger, nullable=False),
    Column("feature_uses_p25", Double),
)

# By `signals`: when the clients of an organisation were last asked about, and how that went.
signal_sweeps = Table(
    "signal_sweeps",
    metadata,
    org_id(),
    moment("tried_at"),
    moment("swept_at", nullable=True),
    Column("clients", BigInteger, nullable=False),
    Column("failures", Integer, nullable=False, comment="in a row"),
)

# By `refreshing`: what is usual in an organisation, by day (UTC), of what was before the day.
journey_norms = Table(
    "journey_norms",
    metadata,
    org_id(),
    Column("day", Date, primary_key=True),
    Column("project_p75_seconds", Double, comment="of visits to active_project; NULL without any"),
    Column("project_visits", BigInteger, nullable=False),
)

# By `refreshing`: how far it has come with an organisation.
journey_cursors = Table(
    "journey_cursors",
    metadata,
    org_id(),
    Column("position", BigInteger, nullable=False, comment="of the log of events, followed"),
    Column("settings_version", Integer, nullable=False, comment="with which all were restated"),
    Column("norms_day", Date, comment="whose norms all in active_project were restated with"),
)

# By `learning`.
action_outcomes = Table(
    "action_outcomes",
    metadata,
    org_id(),
    Column("outcome_id", Uuid, primary_key=True, comment="a function of decision and action"),
    Column("client_id", Text, nullable=False),
    Column("action", SmallInteger, nullable=False),
    Column("channel", SmallInteger, nullable=False),
    Column("outcome", SmallInteger, nullable=False),
    Column("segment", Text, nullable=False),
    Column(
        "arm", SmallInteger, nullable=False, comment="1 no decision, 2 rules, 3 learnt, 4 held out"
    ),
    Column("rank", SmallInteger, comment="in the decision; NULL without one"),
    Column("propensity", Double, comment="of this action as the best"),
    Column("rules_action", SmallInteger, comment="the best by the rules alone"),
    Column("policy_version", BigInteger),
    Column("settings_version", Integer),
    Column("seed", BigInteger),
    moment("decided_at", nullable=True),
    moment("occurred_at"),
    moment("recorded_at"),
    Column("recorded_by", Text, nullable=False),
    Column("note", Text, nullable=False),
    Index("action_outcomes_client", "org_id", "client_id", "action", "occurred_at"),
    Index("action_outcomes_occurred", "org_id", "occurred_at"),
)

# By `learning`: the same as counts, which stay when a client is deleted.
action_tallies = Table(
    "action_tallies",
    metadata,
    org_id(),
    Column("day", Date, primary_key=True, comment="UTC, of `occurred_at`"),
    Column("segment", Text, primary_key=True),
    Column("action", SmallInteger, primary_key=True, autoincrement=False),
    Column("arm", SmallInteger, primary_key=True, autoincrement=False),
    Column("accepted", BigInteger, nullable=False),
    Column("ignored", BigInteger, nullable=False),
    Column("succeeded", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    moment("changed_at"),
    Index("action_tallies_changed", "changed_at"),
)

# By `learning`: what was learnt, each version for as long as its decisions may be told about.
action_policies = Table(
    "action_policies",
    metadata,
    org_id(),
    Column("policy_version", BigInteger, primary_key=True, autoincrement=False),
    Column("outcomes", Double, nullable=False, comment="behind it, each whole"),
    Column("beliefs", JSONB, nullable=False, comment="counts by segment and action, decayed"),
    moment("made_at"),
)
