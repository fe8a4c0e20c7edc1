"""What journey keeps: clients, their events and where they stand, settings, signals, outcomes.

Revision ID: 20261121_1500
Revises: 20261121_1400
"""

from alembic import op
from sqlalchemy import text

from shared.schema.tenancy import CITUS_FIRST, Rows, wall

revision = "20261121_1500"
down_revision = "20261121_1400"
branch_labels = None
depends_on = None

_TABLES = {
    "clients": """
        client_id text NOT NULL,
        name text NOT NULL,
        email text NOT NULL,
        ai_score double precision,
        status text NOT NULL,
        owner text NOT NULL,
        tags text[] NOT NULL,
        time_zone text NOT NULL,
        do_not_contact boolean NOT NULL,
        segment text NOT NULL,
        revision bigint NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        adopted boolean NOT NULL,
        PRIMARY KEY (org_id, client_id),
        CONSTRAINT clients_ai_score CHECK (ai_score BETWEEN 0 AND 100)""",
    "client_versions": """
        client_id text NOT NULL,
        valid_from timestamptz NOT NULL,
        ai_score double precision,
        time_zone text NOT NULL,
        do_not_contact boolean NOT NULL,
        segment text NOT NULL,
        PRIMARY KEY (org_id, client_id, valid_from)""",
    "journey_events": """
        event_id uuid NOT NULL,
        client_id text NOT NULL,
        occurred_at timestamptz NOT NULL,
        stage smallint CHECK (stage BETWEEN 1 AND 9),
        event_type text NOT NULL,
        metadata jsonb NOT NULL,
        received_at timestamptz NOT NULL,
        source smallint NOT NULL,
        content_hash bytea NOT NULL,
        PRIMARY KEY (org_id, event_id)""",
    "stage_visits": """
        client_id text NOT NULL,
        entered_at timestamptz NOT NULL,
        event_id uuid NOT NULL,
        stage smallint NOT NULL CHECK (stage BETWEEN 1 AND 9),
        left_at timestamptz,
        next_stage smallint CHECK (next_stage BETWEEN 1 AND 9),
        unusual boolean NOT NULL,
        PRIMARY KEY (org_id, client_id, entered_at, event_id)""",
    "client_states": """
        client_id text NOT NULL,
        facts jsonb NOT NULL,
        contacts jsonb NOT NULL,
        stage smallint NOT NULL CHECK (stage BETWEEN 1 AND 9),
        stage_since timestamptz NOT NULL,
        score double precision NOT NULL,
        risk_level smallint NOT NULL CHECK (risk_level BETWEEN 1 AND 4),
        findings jsonb NOT NULL,
        last_event_at timestamptz,
        as_of timestamptz NOT NULL,
        next_check_at timestamptz,
        settings_version integer NOT NULL,
        PRIMARY KEY (org_id, client_id),
        CONSTRAINT client_states_score CHECK (score BETWEEN 0 AND 100)""",
    "journey_changes": """
        position bigint NOT NULL DEFAULT app.log_position(),
        client_ids text[] NOT NULL,
        logged_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (org_id, position)""",
    "journey_settings": """
        version integer NOT NULL CHECK (version > 0),
        settings jsonb NOT NULL,
        changed_by text NOT NULL,
        changed_at timestamptz NOT NULL,
        PRIMARY KEY (org_id, version)""",
    "client_signals": """
        client_id text NOT NULL,
        feature_uses bigint NOT NULL,
        feature_uses_p25 double precision,
        recent_events bigint NOT NULL,
        previous_events bigint NOT NULL,
        insight_types integer[] NOT NULL,
        measured_at timestamptz NOT NULL,
        PRIMARY KEY (org_id, client_id)""",
    "signal_turns": """
        client_id text NOT NULL,
        valid_from timestamptz NOT NULL,
        feature_uses bigint NOT NULL,
        feature_uses_p25 double precision,
        PRIMARY KEY (org_id, client_id, valid_from)""",
    "signal_sweeps": """
        tried_at timestamptz NOT NULL,
        swept_at timestamptz,
        clients bigint NOT NULL,
        failures integer NOT NULL,
        PRIMARY KEY (org_id)""",
    "journey_norms": """
        day date NOT NULL,
        project_p75_seconds double precision,
        project_visits bigint NOT NULL,
        PRIMARY KEY (org_id, day)""",
    "journey_cursors": """
        position bigint NOT NULL,
        settings_version integer NOT NULL,
        norms_day date,
        PRIMARY KEY (org_id)""",
    "action_outcomes": """
        outcome_id uuid NOT NULL,
        client_id text NOT NULL,
        action smallint NOT NULL,
        channel smallint NOT NULL,
        outcome smallint NOT NULL CHECK (outcome BETWEEN 1 AND 4),
        segment text NOT NULL,
        arm smallint NOT NULL CHECK (arm BETWEEN 1 AND 4),
        rank smallint,
        propensity double precision,
        rules_action smallint,
        policy_version bigint,
        settings_version integer,
        seed bigint,
        decided_at timestamptz,
        occurred_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL,
        recorded_by text NOT NULL,
        note text NOT NULL,
        PRIMARY KEY (org_id, outcome_id)""",
    "action_tallies": """
        day date NOT NULL,
        segment text NOT NULL,
        action smallint NOT NULL,
        arm smallint NOT NULL,
        accepted bigint NOT NULL,
        ignored bigint NOT NULL,
        succeeded bigint NOT NULL,
        failed bigint NOT NULL,
        changed_at timestamptz NOT NULL,
        PRIMARY KEY (org_id, day, segment, action, arm)""",
    "action_policies": """
        policy_version bigint NOT NULL,
        outcomes double precision NOT NULL,
        beliefs jsonb NOT NULL,
        made_at timestamptz NOT NULL,
        PRIMARY KEY (org_id, policy_version)""",
}
_UPDATED_OFTEN = {"client_states", "client_signals", "action_tallies"}

_INDEXES = (
    "CREATE INDEX clients_owner ON app.clients (org_id, owner, client_id)",
    "CREATE INDEX clients_unadopted ON app.clients (org_id, client_id) WHERE NOT adopted",
    """CREATE INDEX journey_events_client ON app.journey_events
        (org_id, client_id, occurred_at, event_id)""",
    "CREATE INDEX stage_visits_entered ON app.stage_visits (org_id, stage, entered_at)",
    "CREATE INDEX stage_visits_left ON app.stage_visits (org_id, stage, left_at)",
    "CREATE INDEX journey_changes_position ON app.journey_changes (position)",
    """CREATE INDEX client_states_risk ON app.client_states
        (org_id, risk_level DESC, score, client_id) WHERE risk_level > 1""",
    """CREATE INDEX client_states_stage ON app.client_states
        (org_id, stage, risk_level DESC, score, client_id)""",
    "CREATE INDEX client_states_due ON app.client_states (org_id, next_check_at)",
    """CREATE INDEX action_outcomes_client ON app.action_outcomes
        (org_id, client_id, action, occurred_at)""",
    "CREATE INDEX action_outcomes_occurred ON app.action_outcomes (org_id, occurred_at)",
    "CREATE INDEX action_tallies_changed ON app.action_tallies (changed_at)",
)

_KEPT = """app.clients, app.client_versions, app.journey_events, app.stage_visits,
    app.client_states, app.client_signals, app.signal_turns, app.signal_sweeps, app.journey_norms,
    app.journey_cursors, app.action_outcomes, app.action_tallies, app.action_policies"""

_GRANTS = (
    f"GRANT SELECT, INSERT, UPDATE, DELETE ON {_KEPT} TO footfall_journey",
    """GRANT SELECT, INSERT ON app.journey_changes, app.journey_settings TO footfall_journey""",
    """GRANT SELECT ON app.clients, app.client_states, app.journey_events, app.stage_visits TO
        footfall_pricing, footfall_bi""",
    """GRANT SELECT ON app.clients, app.client_states, app.journey_settings, app.journey_norms,
        app.signal_sweeps, app.journey_cursors, app.action_tallies, app.action_policies TO
        footfall_maintenance""",
    "GRANT SELECT, DELETE ON app.journey_changes TO footfall_maintenance",
)

_DEFAULT_POSITION = "ALTER TABLE app.journey_changes ALTER COLUMN position SET DEFAULT {}"

_CITUS_LAST = """
DO $$ BEGIN IF EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'citus') THEN
  PERFORM create_distributed_table('app.' || t, 'org_id', colocate_with => 'app.event_types')
    FROM unnest(ARRAY[{tables}]) AS t;
END IF; END $$
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    if op.get_bind().scalar(text("SELECT to_regclass('app.client_states') IS NOT NULL")):
        op.execute(_DEFAULT_POSITION.format("app.log_position()"))
        return  # gone back once, and all is still here
    op.execute(CITUS_FIRST)
    for table, columns in _TABLES.items():
        fill = " WITH (fillfactor = 80)" if table in _UPDATED_OFTEN else ""
        op.execute(f"CREATE TABLE app.{table} (org_id uuid NOT NULL, {columns}){fill}")
    for statement in _INDEXES:
        op.execute(statement)
    for table in _TABLES:
        for statement in wall(table, Rows.ORGANISATION):
            op.execute(statement)
    for statement in _GRANTS:
        op.execute(statement)
    op.execute(_CITUS_LAST.format(tables=", ".join(f"'{table}'" for table in _TABLES)))


def downgrade() -> None:
    """Older code does not see these tables, and dropping them would lose their rows.

    Only what depends on a function of an older migration lets go of it.
    """
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute(_DEFAULT_POSITION.format("(pg_current_xact_id()::text::bigint)"))
