"""What insight keeps: its roll-ups, insights and their changes, settings, feeds, the outbox.

Revision ID: 20261121_1000
Revises: 20261121_0900
"""

from alembic import op
from sqlalchemy import text

from shared.schema.tenancy import CITUS_FIRST, Rows, wall

revision = "20261121_1000"
down_revision = "20261121_0900"
branch_labels = None
depends_on = None

_TABLES = {
    "feature_day": """
        day date NOT NULL,
        subject_kind smallint NOT NULL,
        feature text NOT NULL,
        subject_id text NOT NULL,
        used integer NOT NULL,
        abandoned integer NOT NULL,
        PRIMARY KEY (org_id, day, subject_kind, feature, subject_id)""",
    "client_day": """
        day date NOT NULL,
        client_id text NOT NULL,
        events integer NOT NULL,
        high_impact integer NOT NULL,
        feature_uses integer NOT NULL,
        voice_generations integer NOT NULL,
        reports integer NOT NULL,
        abandonments integer NOT NULL,
        cost_nanos bigint NOT NULL,
        first_at timestamptz NOT NULL,
        last_at timestamptz NOT NULL,
        PRIMARY KEY (org_id, day, client_id)""",
    "client_revenue_day": """
        client_id text NOT NULL,
        currency text NOT NULL,
        day date NOT NULL,
        payments integer NOT NULL,
        revenue_micros bigint NOT NULL,
        refund_micros bigint NOT NULL,
        PRIMARY KEY (org_id, client_id, currency, day)""",
    "insights": """
        insight_id uuid NOT NULL,
        insight_type smallint NOT NULL CHECK (insight_type BETWEEN 1 AND 7),
        subject_kind smallint NOT NULL,
        subject_id text NOT NULL,
        feature text NOT NULL,
        state smallint NOT NULL CHECK (state BETWEEN 1 AND 5),
        severity smallint NOT NULL CHECK (severity BETWEEN 1 AND 4),
        weight double precision NOT NULL,
        confidence double precision NOT NULL,
        recommendation jsonb NOT NULL,
        evidence jsonb NOT NULL,
        window_start timestamptz NOT NULL,
        window_end timestamptz NOT NULL,
        first_seen_at timestamptz NOT NULL,
        last_seen_at timestamptz NOT NULL,
        cleared_at timestamptz,
        state_changed_at timestamptz NOT NULL,
        state_changed_by text NOT NULL,
        note text NOT NULL,
        closed_severity smallint,
        reopened integer NOT NULL,
        revision bigint NOT NULL,
        settings_version integer NOT NULL,
        run_id uuid,
        PRIMARY KEY (org_id, insight_id)""",
    "insight_changes": """
        position bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
        insight_ids uuid[] NOT NULL,
        logged_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (org_id, position)""",
    "insight_runs": """
        run_id uuid NOT NULL,
        as_of timestamptz NOT NULL,
        subject_kind smallint NOT NULL,
        subject_id text NOT NULL,
        cause smallint NOT NULL CHECK (cause BETWEEN 1 AND 3),
        started_at timestamptz NOT NULL,
        finished_at timestamptz NOT NULL,
        settings_version integer NOT NULL,
        subjects integer NOT NULL,
        found integer NOT NULL,
        changed integer NOT NULL,
        PRIMARY KEY (org_id, run_id)""",
    "detector_settings": """
        version integer NOT NULL CHECK (version > 0),
        settings jsonb NOT NULL,
        changed_by text NOT NULL,
        changed_at timestamptz NOT NULL,
        PRIMARY KEY (org_id, version)""",
    "customer_actions": """
        action_id uuid NOT NULL,
        user_id text NOT NULL,
        client_id text NOT NULL,
        kind smallint NOT NULL,
        outcome smallint NOT NULL,
        competency_area text NOT NULL,
        amount_micros bigint,
        currency text,
        note text NOT NULL,
        occurred_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL,
        recorded_by text NOT NULL,
        PRIMARY KEY (org_id, action_id)""",
    "feed_deliveries": """
        delivery_id uuid NOT NULL,
        feed smallint NOT NULL,
        session_id text NOT NULL,
        insight_ids uuid[] NOT NULL,
        message_id uuid,
        created_at timestamptz NOT NULL,
        created_by text NOT NULL,
        PRIMARY KEY (org_id, delivery_id)""",
    "webhook_endpoints": """
        topic text NOT NULL,
        url text NOT NULL,
        secret text NOT NULL,
        previous_secret text,
        rotated_at timestamptz,
        disabled boolean NOT NULL DEFAULT false,
        disabled_reason text NOT NULL,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (org_id, topic)""",
    "outbox": """
        message_id uuid NOT NULL,
        topic text NOT NULL,
        body text NOT NULL,
        created_at timestamptz NOT NULL,
        state smallint NOT NULL CHECK (state BETWEEN 1 AND 3),
        attempts integer NOT NULL,
        next_attempt_at timestamptz NOT NULL,
        finished_at timestamptz,
        last_status integer,
        last_error text NOT NULL,
        PRIMARY KEY (org_id, message_id)""",
}
_UPDATED_OFTEN = {"feature_day", "client_day", "insights", "outbox"}

_INDEXES = (
    """CREATE INDEX feature_day_subject ON app.feature_day
        (org_id, subject_kind, subject_id, day)""",
    "CREATE INDEX client_day_client ON app.client_day (org_id, client_id, day)",
    "CREATE INDEX client_revenue_day_day ON app.client_revenue_day (org_id, day)",
    """CREATE UNIQUE INDEX insights_subject ON app.insights
        (org_id, subject_kind, subject_id, feature, insight_type)""",
    "CREATE INDEX insights_state ON app.insights (org_id, state, last_seen_at)",
    "CREATE INDEX insight_runs_as_of ON app.insight_runs (org_id, as_of)",
    """CREATE INDEX customer_actions_occurred ON app.customer_actions
        (org_id, occurred_at, action_id)""",
    """CREATE INDEX customer_actions_user ON app.customer_actions
        (org_id, user_id, occurred_at, action_id)""",
    """CREATE INDEX customer_actions_client ON app.customer_actions
        (org_id, client_id, occurred_at, action_id)""",
    "CREATE INDEX feed_deliveries_feed ON app.feed_deliveries (org_id, feed, delivery_id)",
    "CREATE INDEX outbox_due ON app.outbox (org_id, topic, next_attempt_at) WHERE state = 1",
)

_OWN_FOR_MEMBERS = {"customer_actions"}

_SERVICES = "footfall_event_ingest, footfall_insight, footfall_journey, footfall_pricing"

_GRANTS = (
    """GRANT SELECT, INSERT, UPDATE, DELETE ON app.feature_day, app.client_day,
        app.client_revenue_day TO footfall_event_ingest""",
    f"""GRANT SELECT ON app.feature_day, app.client_day, app.client_revenue_day, app.insights,
        app.insight_changes TO {_SERVICES}""",
    "GRANT SELECT ON app.session_cursors TO footfall_insight",
    "GRANT INSERT, UPDATE ON app.insights TO footfall_insight",
    "GRANT INSERT ON app.insight_changes TO footfall_insight",
    """GRANT SELECT, INSERT ON app.insight_runs, app.detector_settings, app.customer_actions,
        app.feed_deliveries TO footfall_insight""",
    "GRANT SELECT, UPDATE ON app.webhook_endpoints TO footfall_insight",
    "GRANT SELECT, INSERT, UPDATE ON app.outbox TO footfall_insight",
    """GRANT SELECT, DELETE ON app.feature_day, app.client_day, app.client_revenue_day,
        app.insight_changes, app.insight_runs, app.feed_deliveries, app.outbox TO
        footfall_maintenance""",
    """GRANT SELECT ON app.feature_day, app.client_day, app.client_revenue_day, app.insights,
        app.insight_runs TO footfall_bi""",
)

_CITUS_LAST = """
DO $$ BEGIN IF EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'citus') THEN
  PERFORM create_distributed_table('app.' || t, 'org_id', colocate_with => 'app.event_types')
    FROM unnest(ARRAY[{tables}]) AS t;
END IF; END $$
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    if op.get_bind().scalar(text("SELECT to_regclass('app.insights') IS NOT NULL")):
        return  # gone back once, and all is still here
    op.execute(CITUS_FIRST)
    for table, columns in _TABLES.items():
        fill = " WITH (fillfactor = 80)" if table in _UPDATED_OFTEN else ""
        op.execute(f"CREATE TABLE app.{table} (org_id uuid NOT NULL, {columns}){fill}")
    for statement in _INDEXES:
        op.execute(statement)
    for table in _TABLES:
        rows = Rows.OWN_FOR_MEMBERS if table in _OWN_FOR_MEMBERS else Rows.NOT_FOR_MEMBERS
        for statement in wall(table, rows):
            op.execute(statement)
    for statement in _GRANTS:
        op.execute(statement)
    op.execute(_CITUS_LAST.format(tables=", ".join(f"'{table}'" for table in _TABLES)))


def downgrade() -> None:
    """Nothing: older code does not see these tables, and dropping them would lose their rows."""
