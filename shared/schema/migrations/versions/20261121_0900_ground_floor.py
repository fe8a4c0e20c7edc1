"""The ground floor: organisations, their credentials, events and what is kept beside them, audit.

Revision ID: 20261121_0900
Revises: none
"""

from alembic import op

from shared.schema.tenancy import CITUS_FIRST, IDENTITY_FUNCTIONS, Rows, wall

revision = "20261121_0900"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = (
    """CREATE TABLE app.organisations (
        org_id uuid PRIMARY KEY,
        name text NOT NULL,
        time_zone text NOT NULL DEFAULT 'UTC',
        currency text NOT NULL DEFAULT 'USD',
        retention_days integer DEFAULT 365 CHECK (retention_days BETWEEN 1 AND 36500),
        keep_ip boolean NOT NULL DEFAULT false,
        calls_per_second integer CHECK (calls_per_second > 0),
        events_per_day bigint CHECK (events_per_day > 0),
        created_at timestamptz NOT NULL)""",
    """CREATE TABLE app.members (
        org_id uuid NOT NULL,
        subject text NOT NULL,
        role text NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'service')),
        disabled boolean NOT NULL DEFAULT false,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (org_id, subject))""",
    """CREATE TABLE app.api_keys (
        org_id uuid NOT NULL,
        key_id text NOT NULL,
        secret_hash bytea NOT NULL,
        role text NOT NULL CHECK (role IN ('owner', 'admin', 'member', 'service')),
        subject text NOT NULL,
        scopes text[],
        calls_per_second integer CHECK (calls_per_second > 0),
        expires_at timestamptz,
        revoked_at timestamptz,
        last_used_at timestamptz,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (org_id, key_id))""",
    "CREATE INDEX api_keys_key_id ON app.api_keys (key_id)",
    """CREATE TABLE app.revoked_tokens (
        org_id uuid NOT NULL,
        token_id text NOT NULL,
        expires_at timestamptz NOT NULL,
        PRIMARY KEY (org_id, token_id))""",
    """CREATE TABLE app.event_types (
        org_id uuid NOT NULL,
        type_id integer NOT NULL,
        name text NOT NULL,
        description text NOT NULL,
        properties_schema text NOT NULL,
        default_impact smallint NOT NULL,
        retention_days integer CHECK (retention_days BETWEEN 1 AND 36500),
        deprecated smallint NOT NULL DEFAULT 0,
        refuse_from timestamptz,
        version integer NOT NULL,
        PRIMARY KEY (org_id, type_id))""",
    "CREATE UNIQUE INDEX event_types_name ON app.event_types (org_id, name)",
    """CREATE TABLE app.events (
        org_id uuid NOT NULL,
        id_time timestamptz NOT NULL,
        event_id uuid NOT NULL,
        occurred_at timestamptz NOT NULL,
        received_at timestamptz NOT NULL,
        content_hash bigint NOT NULL,
        type_id integer NOT NULL,
        impact smallint NOT NULL,
        retention_days integer,
        points integer,
        cost_nanos bigint,
        amount_micros bigint,
        currency text,
        user_id text,
        session_id text,
        client_id text,
        feature text,
        data jsonb,
        PRIMARY KEY (org_id, id_time, event_id)) PARTITION BY RANGE (id_time)""",
    "CREATE INDEX events_occurred ON app.events (org_id, occurred_at)",
    """CREATE INDEX events_user ON app.events (org_id, user_id, occurred_at)
        WHERE user_id IS NOT NULL""",
    """CREATE INDEX events_own_retention ON app.events (org_id, retention_days, occurred_at)
        WHERE retention_days IS NOT NULL""",
    """CREATE TABLE app.event_log (
        org_id uuid NOT NULL,
        position bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
        event_ids uuid[] NOT NULL,
        type_ids integer[] NOT NULL,
        logged_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (org_id, position))""",
    "CREATE INDEX event_log_position ON app.event_log (position)",
    """CREATE TABLE app.event_hourly (
        org_id uuid NOT NULL,
        hour timestamptz NOT NULL,
        type_id integer NOT NULL,
        feature text NOT NULL,
        events bigint NOT NULL,
        cost_nanos bigint NOT NULL,
        PRIMARY KEY (org_id, hour, type_id, feature)) WITH (fillfactor = 70)""",
    "CREATE INDEX event_hourly_type ON app.event_hourly (org_id, type_id, hour)",
    """CREATE TABLE app.user_day (
        org_id uuid NOT NULL,
        day date NOT NULL,
        user_id text NOT NULL,
        events integer NOT NULL,
        high_impact integer NOT NULL,
        medium_impact integer NOT NULL,
        tool_uses integer NOT NULL,
        exports integer NOT NULL,
        resources integer NOT NULL,
        milestones integer NOT NULL,
        abandonments integer NOT NULL,
        voice_generations integer NOT NULL,
        reports integer NOT NULL,
        competency_points bigint NOT NULL,
        customer_intelligence bigint NOT NULL,
        value_communication bigint NOT NULL,
        sales_execution bigint NOT NULL,
        systematic_optimization bigint NOT NULL,
        cost_nanos bigint NOT NULL,
        first_at timestamptz NOT NULL,
        last_at timestamptz NOT NULL,
        PRIMARY KEY (org_id, day, user_id)) WITH (fillfactor = 80)""",
    "CREATE INDEX user_day_user ON app.user_day (org_id, user_id, day)",
    """CREATE TABLE app.sessions (
        org_id uuid NOT NULL,
        user_id text NOT NULL,
        session_id text NOT NULL,
        started_at timestamptz NOT NULL,
        session_key uuid NOT NULL,
        last_event_at timestamptz NOT NULL,
        ended_by smallint NOT NULL,
        event_count bigint NOT NULL,
        export_count bigint NOT NULL,
        competency_points bigint NOT NULL,
        tools jsonb NOT NULL,
        primary_tool text NOT NULL,
        device jsonb NOT NULL,
        PRIMARY KEY (org_id, user_id, session_id, started_at)) WITH (fillfactor = 80)""",
    "CREATE UNIQUE INDEX sessions_key ON app.sessions (org_id, session_key)",
    "CREATE INDEX sessions_started ON app.sessions (org_id, started_at, session_key)",
    "CREATE INDEX sessions_user ON app.sessions (org_id, user_id, started_at, session_key)",
    """CREATE TABLE app.session_cursors (
        org_id uuid PRIMARY KEY,
        position bigint NOT NULL)""",
    """CREATE TABLE app.rejected_events (
        org_id uuid NOT NULL,
        rejection_id uuid NOT NULL,
        received_at timestamptz NOT NULL,
        verdict smallint NOT NULL,
        reason text NOT NULL,
        message text NOT NULL,
        event_id text NOT NULL,
        user_id text,
        raw bytea NOT NULL,
        PRIMARY KEY (org_id, rejection_id))""",
    "CREATE INDEX rejected_events_reason ON app.rejected_events (org_id, reason, rejection_id)",
    """CREATE TABLE app.rejected_days (
        org_id uuid NOT NULL,
        day date NOT NULL,
        kept bigint NOT NULL,
        not_kept bigint NOT NULL,
        PRIMARY KEY (org_id, day))""",
    """CREATE TABLE app.request_answers (
        org_id uuid NOT NULL,
        method text NOT NULL,
        request_id uuid NOT NULL,
        content_hash bytea NOT NULL,
        answer bytea NOT NULL,
        answered_at timestamptz NOT NULL,
        PRIMARY KEY (org_id, method, request_id))""",
    "CREATE INDEX request_answers_age ON app.request_answers (answered_at)",
    """CREATE TABLE app.audit_entries (
        org_id uuid NOT NULL,
        sequence bigint NOT NULL,
        recorded_at timestamptz NOT NULL,
        actor text NOT NULL,
        actor_role text NOT NULL,
        action text NOT NULL,
        target text NOT NULL,
        details jsonb NOT NULL,
        previous_hash bytea NOT NULL,
        entry_hash bytea NOT NULL,
        PRIMARY KEY (org_id, sequence))""",
    """CREATE TABLE app.audit_heads (
        org_id uuid PRIMARY KEY,
        sequence bigint NOT NULL,
        entry_hash bytea NOT NULL)""",
)

_WALLS = {
    "organisations": Rows.ORGANISATION,
    "members": Rows.ORGANISATION,
    "api_keys": Rows.NOT_FOR_MEMBERS,
    "revoked_tokens": Rows.ORGANISATION,
    "event_types": Rows.ORGANISATION,
    "events": Rows.OWN_FOR_MEMBERS,
    "event_log": Rows.ORGANISATION,
    "event_hourly": Rows.NOT_FOR_MEMBERS,
    "user_day": Rows.OWN_FOR_MEMBERS,
    "sessions": Rows.OWN_FOR_MEMBERS,
    "session_cursors": Rows.ORGANISATION,
    "rejected_events": Rows.OWN_FOR_MEMBERS,
    "rejected_days": Rows.ORGANISATION,
    "request_answers": Rows.ORGANISATION,
    "audit_entries": Rows.NOT_FOR_MEMBERS,
    "audit_heads": Rows.ORGANISATION,
}

# Partitions are made and dropped by their owner alone; maintenance asks it to, by these.
_FUNCTIONS = (
    """CREATE FUNCTION app.add_event_partition(p_from timestamptz, p_to timestamptz)
       RETURNS text LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
       DECLARE name text := 'events_' || to_char(p_from AT TIME ZONE 'UTC', 'YYYYMMDD');
       BEGIN
         PERFORM set_config('lock_timeout', '1s', true);
         EXECUTE format('CREATE TABLE IF NOT EXISTS app.%I PARTITION OF app.events'
           ' FOR VALUES FROM (%L) TO (%L)', name, p_from, p_to);
         RETURN name;
       END $$""",
    """CREATE FUNCTION app.drop_event_partition(p_name text)
       RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
       BEGIN
         IF NOT EXISTS (SELECT 1 FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
           WHERE i.inhparent = 'app.events'::regclass AND c.relname = p_name) THEN
           RAISE EXCEPTION 'no partition of events' USING ERRCODE = 'invalid_parameter_value';
         END IF;
         PERFORM set_config('lock_timeout', '1s', true);
         EXECUTE format('DROP TABLE app.%I', p_name);
       END $$""",
    # The only look-up across organisations that a service may do: by a random id, before the
    # organisation is known.
    """CREATE FUNCTION app.find_api_key(p_key_id text)
       RETURNS TABLE (org_id uuid, key_id text, secret_hash bytea, role text, subject text,
         scopes text[], expires_at timestamptz, revoked_at timestamptz,
         key_calls_per_second integer, org_calls_per_second integer,
         member_role text, member_disabled boolean)
       LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
         SELECT k.org_id, k.key_id, k.secret_hash, k.role, k.subject, k.scopes, k.expires_at,
           k.revoked_at, k.calls_per_second, o.calls_per_second, m.role, m.disabled
         FROM app.api_keys k
         JOIN app.organisations o ON o.org_id = k.org_id
         LEFT JOIN app.members m ON m.org_id = k.org_id AND m.subject = k.subject
         WHERE k.key_id = p_key_id
       $$""",
    """CREATE FUNCTION app.touch_api_key(p_org uuid, p_key_id text)
       RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
         UPDATE app.api_keys SET last_used_at = now()
         WHERE org_id = p_org AND key_id = p_key_id
           AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
       $$""",
)

_SERVICES = "footfall_event_ingest, footfall_insight, footfall_journey, footfall_pricing"

_GRANTS = (
    "REVOKE ALL ON SCHEMA app FROM PUBLIC",
    "REVOKE ALL ON ALL FUNCTIONS IN SCHEMA app FROM PUBLIC",
    # Nor may everybody call what later migrations make.
    "ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",
    f"GRANT USAGE ON SCHEMA app TO {_SERVICES}, footfall_maintenance, footfall_bi",
    f"""GRANT EXECUTE ON FUNCTION app.set_identity(uuid, text, text), app.current_org(),
        app.current_role(), app.current_user_id() TO {_SERVICES}, footfall_maintenance,
        footfall_bi""",
    f"""GRANT EXECUTE ON FUNCTION app.find_api_key(text), app.touch_api_key(uuid, text) TO
        {_SERVICES}""",
    """GRANT EXECUTE ON FUNCTION app.add_event_partition(timestamptz, timestamptz),
        app.drop_event_partition(text) TO footfall_maintenance""",
    f"GRANT SELECT ON app.schema_version TO {_SERVICES}, footfall_maintenance",
    f"GRANT SELECT ON app.organisations, app.members, app.revoked_tokens TO {_SERVICES}",
    f"GRANT SELECT, INSERT ON app.audit_entries TO {_SERVICES}",
    f"GRANT SELECT, INSERT, UPDATE ON app.audit_heads TO {_SERVICES}",
    f"GRANT SELECT, INSERT ON app.request_answers TO {_SERVICES}",
    f"""GRANT SELECT ON app.events, app.event_types, app.event_hourly, app.user_day,
        app.sessions, app.event_log TO {_SERVICES}""",
    """GRANT INSERT ON app.events, app.event_log, app.event_hourly, app.user_day,
        app.event_types TO footfall_event_ingest""",
    """GRANT UPDATE ON app.event_hourly, app.user_day, app.event_types TO
        footfall_event_ingest""",
    """GRANT SELECT, INSERT, UPDATE, DELETE ON app.sessions, app.session_cursors,
        app.rejected_events, app.rejected_days TO footfall_event_ingest""",
    """GRANT SELECT ON app.organisations, app.event_types, app.events, app.event_log,
        app.session_cursors, app.sessions, app.user_day, app.rejected_events,
        app.rejected_days, app.request_answers, app.revoked_tokens TO footfall_maintenance""",
    """GRANT DELETE ON app.events, app.event_log, app.sessions, app.user_day,
        app.rejected_events, app.rejected_days, app.request_answers, app.revoked_tokens TO
        footfall_maintenance""",
    """GRANT SELECT ON app.organisations, app.members, app.event_types, app.events,
        app.event_log, app.event_hourly, app.user_day, app.sessions, app.rejected_events,
        app.rejected_days, app.audit_entries TO footfall_bi""",
)

# Ids that carry no time live in the first partition; a v7 id before the year 2000 is refused.
_PARTITIONS = """
DO $$
DECLARE
  this_year integer := extract(year FROM now() AT TIME ZONE 'UTC');
  start timestamptz;
BEGIN
  EXECUTE $s$CREATE TABLE app.events_timeless PARTITION OF app.events
    FOR VALUES FROM (MINVALUE) TO ('2000-01-01 00:00:00+00')$s$;
  FOR year IN 2000 .. this_year - 2 LOOP
    PERFORM app.add_event_partition(make_timestamptz(year, 1, 1, 0, 0, 0, 'UTC'),
      make_timestamptz(year + 1, 1, 1, 0, 0, 0, 'UTC'));
  END LOOP;
  start := make_timestamptz(this_year - 1, 1, 1, 0, 0, 0, 'UTC');
  WHILE start < now() + interval '90 days' LOOP
    PERFORM app.add_event_partition(start,
      ((start AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC');
    start := ((start AT TIME ZONE 'UTC') + interval '1 month') AT TIME ZONE 'UTC';
  END LOOP;
END $$
"""

_CITUS_LAST = """
DO $$ BEGIN IF EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'citus') THEN
  PERFORM create_reference_table('app.organisations');
  PERFORM create_reference_table('app.members');
  PERFORM create_reference_table('app.api_keys');
  PERFORM create_reference_table('app.revoked_tokens');
  PERFORM create_distributed_table('app.event_types', 'org_id', shard_count => 32);
  PERFORM create_distributed_table('app.' || t, 'org_id', colocate_with => 'app.event_types')
    FROM unnest(ARRAY['events', 'event_log', 'event_hourly', 'user_day', 'sessions',
      'session_cursors', 'rejected_events', 'rejected_days', 'request_answers', 'audit_entries',
      'audit_heads']) AS t;
END IF; END $$
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute(CITUS_FIRST)
    for statement in (*IDENTITY_FUNCTIONS, *_TABLES):
        op.execute(statement)
    for table, rows in _WALLS.items():
        for statement in wall(table, rows):
            op.execute(statement)
    for statement in (*_FUNCTIONS, *_GRANTS):
        op.execute(statement)
    op.execute(_PARTITIONS)
    op.execute(_CITUS_LAST)


def downgrade() -> None:
    raise NotImplementedError("The first migration has nothing to go back to; drop the database.")
