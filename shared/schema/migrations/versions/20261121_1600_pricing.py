"""What pricing keeps, and the functions that alone can change a price.

Revision ID: 20261121_1600
Revises: 20261121_1510
"""

from alembic import op
from sqlalchemy import text

from shared.money import EXPONENTS, MAX_MINOR
from shared.schema.price_effect import NOTICE
from shared.schema.price_guard import FUNCTIONS, GUARD, NOT_CALLED_BY_SERVICES
from shared.schema.tenancy import CITUS_FIRST, Rows, wall

revision = "20261121_1600"
down_revision = "20261121_1510"
branch_labels = None
depends_on = None

_CURRENCY = "currency text NOT NULL REFERENCES app.currencies (code)"
_AMOUNT = f"BETWEEN 0 AND {MAX_MINOR}"

_TABLES = {
    "tiers": f"""
        tier_id text NOT NULL,
        display_name text NOT NULL,
        description text NOT NULL,
        {_CURRENCY},
        billing_period smallint NOT NULL CHECK (billing_period BETWEEN 1 AND 4),
        value_metrics jsonb NOT NULL,
        cost_to_serve_minor bigint CHECK (cost_to_serve_minor {_AMOUNT}),
        floor_minor bigint CHECK (floor_minor {_AMOUNT}),
        retired boolean NOT NULL,
        revision bigint NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        PRIMARY KEY (org_id, tier_id),
        UNIQUE (org_id, tier_id, currency)""",
    "subscriptions": """
        subscription_id text NOT NULL,
        client_id text NOT NULL,
        tier_id text NOT NULL,
        started_at timestamptz NOT NULL,
        ended_at timestamptz,
        revision bigint NOT NULL,
        PRIMARY KEY (org_id, subscription_id)""",
    "competitor_prices": f"""
        competitor_price_id uuid NOT NULL,
        tier_id text NOT NULL,
        competitor text NOT NULL,
        offer text NOT NULL,
        amount_minor bigint NOT NULL CHECK (amount_minor {_AMOUNT}),
        {_CURRENCY},
        observed_at timestamptz NOT NULL,
        source text NOT NULL,
        recorded_by text NOT NULL,
        recorded_at timestamptz NOT NULL,
        PRIMARY KEY (org_id, competitor_price_id)""",
    "price_suggestions": """
        suggestion_id uuid NOT NULL,
        tier_id text NOT NULL,
        suggestion jsonb NOT NULL,
        made_at timestamptz NOT NULL,
        made_by text NOT NULL,
        PRIMARY KEY (org_id, suggestion_id)""",
    "pricing_settings": """
        version integer NOT NULL CHECK (version > 0),
        settings jsonb NOT NULL,
        changed_by text NOT NULL,
        changed_at timestamptz NOT NULL,
        PRIMARY KEY (org_id, version)""",
    "approval_changes": """
        position bigint NOT NULL DEFAULT app.log_position(),
        approval_ids uuid[] NOT NULL,
        logged_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (org_id, position)""",
    "price_change_reviews": """
        price_change_id uuid NOT NULL,
        days smallint NOT NULL,
        predicted jsonb NOT NULL,
        actual_minor bigint NOT NULL,
        within boolean,
        paid_share double precision NOT NULL,
        reviewed_at timestamptz NOT NULL,
        PRIMARY KEY (org_id, price_change_id, days)""",
}

_GUARDED = {
    "approvals": """
        approval_id uuid NOT NULL,
        tier_id text NOT NULL,
        state smallint NOT NULL CHECK (state BETWEEN 1 AND 7),
        revision integer NOT NULL CHECK (revision > 0),
        etag bigint NOT NULL,
        suggestion_id uuid,
        rolls_back uuid,
        requested_at timestamptz NOT NULL,
        expires_at timestamptz NOT NULL,
        changed_at timestamptz NOT NULL,
        PRIMARY KEY (org_id, approval_id),
        UNIQUE (org_id, approval_id, tier_id)""",
    "approval_revisions": f"""
        approval_id uuid NOT NULL,
        revision integer NOT NULL,
        content_hash bytea NOT NULL CHECK (length(content_hash) = 32),
        base_version integer NOT NULL,
        current_minor bigint NOT NULL CHECK (current_minor {_AMOUNT}),
        proposed_minor bigint NOT NULL CHECK (proposed_minor {_AMOUNT}),
        {_CURRENCY},
        requested_effective_at timestamptz CHECK (requested_effective_at
          BETWEEN '0001-01-01 00:00:00+00' AND '9999-12-31 00:00:00+00'),
        reason text NOT NULL CHECK (reason ~ '\\S'),
        evidence jsonb NOT NULL,
        risks jsonb NOT NULL,
        contributors text[] NOT NULL CHECK (cardinality(contributors) > 0),
        made_at timestamptz NOT NULL,
        PRIMARY KEY (org_id, approval_id, revision),
        UNIQUE (org_id, approval_id, revision, content_hash),
        UNIQUE (org_id, approval_id, revision, content_hash, base_version, current_minor,
          proposed_minor, currency),
        FOREIGN KEY (org_id, approval_id) REFERENCES app.approvals (org_id, approval_id)""",
    "approval_verdicts": """
        approval_id uuid NOT NULL,
        revision integer NOT NULL,
        content_hash bytea NOT NULL,
        verdict smallint NOT NULL CHECK (verdict BETWEEN 1 AND 3),
        decided_by text NOT NULL,
        role text NOT NULL CHECK (role IN ('owner', 'admin')),
        notes text NOT NULL CHECK (notes ~ '\\S'),
        decided_at timestamptz NOT NULL,
        PRIMARY KEY (org_id, approval_id, revision),
        UNIQUE (org_id, approval_id, revision, content_hash, verdict),
        FOREIGN KEY (org_id, approval_id, revision, content_hash)
          REFERENCES app.approval_revisions (org_id, approval_id, revision, content_hash)""",
    "price_changes": f"""
        price_change_id uuid NOT NULL,
        approval_id uuid NOT NULL,
        revision integer NOT NULL,
        content_hash bytea NOT NULL,
        verdict smallint NOT NULL CHECK (verdict = 1),
        tier_id text NOT NULL,
        base_version integer NOT NULL,
        old_minor bigint NOT NULL CHECK (old_minor {_AMOUNT}),
        new_minor bigint NOT NULL CHECK (new_minor {_AMOUNT}),
        {_CURRENCY},
        state smallint NOT NULL CHECK (state BETWEEN 1 AND 7),
        etag bigint NOT NULL,
        approved_at timestamptz NOT NULL,
        effective_at timestamptz NOT NULL,
        applied_at timestamptz,
        ended_at timestamptz,
        problem text NOT NULL,
        PRIMARY KEY (org_id, price_change_id),
        UNIQUE (org_id, approval_id),
        UNIQUE (org_id, price_change_id, approval_id, content_hash, tier_id, new_minor, currency,
          effective_at),
        CONSTRAINT price_changes_notice
          CHECK (new_minor <= old_minor OR effective_at - approved_at >= {NOTICE}),
        CONSTRAINT price_changes_not_before_its_time CHECK (applied_at >= effective_at),
        FOREIGN KEY (org_id, approval_id, revision, content_hash, verdict) REFERENCES
          app.approval_verdicts (org_id, approval_id, revision, content_hash, verdict),
        FOREIGN KEY (org_id, approval_id, tier_id) REFERENCES
          app.approvals (org_id, approval_id, tier_id),
        FOREIGN KEY (org_id, approval_id, revision, content_hash, base_version, old_minor,
          new_minor, currency) REFERENCES app.approval_revisions (org_id, approval_id, revision,
          content_hash, base_version, current_minor, proposed_minor, currency)""",
    "price_versions": f"""
        tier_id text NOT NULL,
        version integer NOT NULL CHECK (version > 0),
        amount_minor bigint NOT NULL CHECK (amount_minor {_AMOUNT}),
        {_CURRENCY},
        valid_from timestamptz NOT NULL,
        valid_to timestamptz,
        reach_at timestamptz,
        reach_all boolean NOT NULL DEFAULT true,
        reach_calls integer NOT NULL DEFAULT 0,
        price_change_id uuid,
        approval_id uuid,
        content_hash bytea,
        PRIMARY KEY (org_id, tier_id, version),
        CONSTRAINT price_versions_consent CHECK ((version = 1) = (price_change_id IS NULL)
          AND (version = 1) = (approval_id IS NULL) AND (version = 1) = (content_hash IS NULL)),
        FOREIGN KEY (org_id, tier_id, currency) REFERENCES
          app.tiers (org_id, tier_id, currency),
        FOREIGN KEY (org_id, price_change_id, approval_id, content_hash, tier_id, amount_minor,
          currency, valid_from) REFERENCES app.price_changes (org_id, price_change_id, approval_id,
          content_hash, tier_id, new_minor, currency, effective_at)
          DEFERRABLE INITIALLY DEFERRED""",
    "price_notices": f"""
        price_change_id uuid NOT NULL,
        client_id text NOT NULL,
        delivered_at timestamptz NOT NULL,
        effective_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL,
        recorded_by text NOT NULL,
        channel text NOT NULL,
        PRIMARY KEY (org_id, price_change_id, client_id),
        CONSTRAINT price_notices_notice CHECK (effective_at - delivered_at >= {NOTICE}),
        FOREIGN KEY (org_id, price_change_id) REFERENCES
          app.price_changes (org_id, price_change_id)""",
    "subscription_prices": """
        subscription_id text NOT NULL,
        valid_from timestamptz NOT NULL,
        tier_id text NOT NULL,
        version integer NOT NULL,
        PRIMARY KEY (org_id, subscription_id, valid_from),
        FOREIGN KEY (org_id, tier_id, version) REFERENCES
          app.price_versions (org_id, tier_id, version)""",
}
"""Written by the functions alone."""

_INDEXES = (
    "CREATE INDEX subscriptions_tier ON app.subscriptions (org_id, tier_id, subscription_id)",
    "CREATE INDEX subscriptions_client ON app.subscriptions (org_id, client_id, subscription_id)",
    """CREATE INDEX competitor_prices_seen ON app.competitor_prices
        (org_id, observed_at, competitor_price_id)""",
    """CREATE INDEX competitor_prices_tier ON app.competitor_prices
        (org_id, tier_id, observed_at)""",
    """CREATE INDEX competitor_prices_newest ON app.competitor_prices
        (org_id, tier_id, competitor, offer, observed_at, competitor_price_id)""",
    "CREATE INDEX approvals_requested ON app.approvals (org_id, requested_at, approval_id)",
    "CREATE INDEX approvals_tier ON app.approvals (org_id, tier_id, state)",
    # Led by the time: the worker looks across organisations.
    """CREATE INDEX approvals_expiring ON app.approvals (expires_at, org_id)
        WHERE state IN (1, 4)""",
    """CREATE INDEX price_changes_approved ON app.price_changes
        (org_id, approved_at, price_change_id)""",
    """CREATE INDEX price_changes_due ON app.price_changes (effective_at, org_id)
        WHERE state IN (1, 2)""",
    """CREATE INDEX price_changes_applied ON app.price_changes (effective_at, org_id)
        WHERE state IN (3, 4)""",
    """CREATE INDEX price_changes_standing ON app.price_changes (org_id, tier_id)
        WHERE state IN (1, 2, 3, 4)""",
    """CREATE INDEX price_notices_due ON app.price_notices
        (org_id, price_change_id, effective_at)""",
    """CREATE UNIQUE INDEX price_versions_in_force ON app.price_versions (org_id, tier_id)
        WHERE valid_to IS NULL""",
    """CREATE INDEX price_versions_reach ON app.price_versions (reach_at, org_id)
        WHERE reach_at IS NOT NULL""",
)

_ALL = ", ".join(f"app.{table}" for table in (*_TABLES, *_GUARDED))
_ONLY_GUARDED = ", ".join(f"app.{table}" for table in _GUARDED)
_CALLED = ", ".join(f"app.{one}" for one in FUNCTIONS if one not in NOT_CALLED_BY_SERVICES)
_EVERY_FUNCTION = ", ".join(f"app.{one}" for one in FUNCTIONS)

_GRANTS = (
    f"GRANT SELECT ON app.currencies, {_ALL} TO footfall_pricing, footfall_bi",
    f"GRANT SELECT ON app.currencies TO {GUARD}, footfall_maintenance",
    # Another id, currency or period would be another price.
    """GRANT INSERT, UPDATE (display_name, description, value_metrics, cost_to_serve_minor,
        floor_minor, retired, revision, updated_at) ON app.tiers TO footfall_pricing""",
    # Whose a subscription is stays: notices are of clients.
    """GRANT INSERT, UPDATE (tier_id, started_at, ended_at, revision) ON app.subscriptions
        TO footfall_pricing""",
    """GRANT INSERT ON app.competitor_prices, app.price_suggestions, app.pricing_settings,
        app.approval_changes, app.price_change_reviews TO footfall_pricing""",
    # Nobody else, whatever this database grants by default.
    f"REVOKE ALL ON FUNCTION {_EVERY_FUNCTION} FROM PUBLIC",
    f"GRANT EXECUTE ON FUNCTION {_CALLED} TO footfall_pricing",
    "GRANT INSERT ON app.outbox TO footfall_pricing",
    # Whether anybody listens, not where nor by which secret.
    "GRANT SELECT (org_id, topic, disabled) ON app.webhook_endpoints TO footfall_pricing",
    f"GRANT SELECT, INSERT, UPDATE ON {_ONLY_GUARDED} TO {GUARD}",
    # FOR UPDATE needs it of a row that is only held.
    f"GRANT SELECT, UPDATE ON app.subscriptions TO {GUARD}",
    f"GRANT SELECT ON app.members TO {GUARD}",
    f"GRANT USAGE ON SCHEMA app TO {GUARD}",
    f"""GRANT EXECUTE ON FUNCTION app.current_org(), app.current_role(), app.current_user_id()
        TO {GUARD}""",
    """GRANT SELECT ON app.approvals, app.price_changes, app.price_versions, app.price_notices,
        app.subscriptions, app.subscription_prices, app.price_change_reviews
        TO footfall_maintenance""",
    "GRANT SELECT, DELETE ON app.approval_changes TO footfall_maintenance",
    # To write down outside where logs end, and to check them without a service.
    "GRANT SELECT ON app.audit_entries, app.audit_heads TO footfall_maintenance",
    "GRANT SELECT ON app.audit_heads TO footfall_bi",
)

_CITUS_LAST = """
DO $$ BEGIN IF EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'citus') THEN
  PERFORM create_reference_table('app.currencies');
  PERFORM create_distributed_table('app.' || t, 'org_id', colocate_with => 'app.event_types')
    FROM unnest(ARRAY[{tables}]) AS t;
END IF; END $$
"""

_DEFAULT_POSITION = "ALTER TABLE app.approval_changes ALTER COLUMN position SET DEFAULT {}"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    if op.get_bind().scalar(text("SELECT to_regclass('app.approvals') IS NOT NULL")):
        op.execute(_DEFAULT_POSITION.format("app.log_position()"))
        return  # gone back once, and all is still here
    op.execute(CITUS_FIRST)
    op.execute("CREATE TABLE app.currencies (code text PRIMARY KEY, exponent smallint NOT NULL)")
    rows = ", ".join(f"('{code}', {digits})" for code, digits in EXPONENTS.items())
    op.execute(f"INSERT INTO app.currencies (code, exponent) VALUES {rows}")  # noqa: S608 - our own list
    for table, columns in (_TABLES | _GUARDED).items():
        op.execute(f"CREATE TABLE app.{table} (org_id uuid NOT NULL, {columns})")
        for statement in wall(table, Rows.NOT_FOR_MEMBERS):
            op.execute(statement)
    for statement in _INDEXES:
        op.execute(statement)
    _guard()
    op.execute(_CITUS_LAST.format(tables=", ".join(f"'{one}'" for one in (_TABLES | _GUARDED))))


def _guard() -> None:
    """The functions, owned by the role that cannot log in, which needs CREATE for a moment."""
    op.execute(f"GRANT CREATE ON SCHEMA app TO {GUARD}")
    for signature, function in FUNCTIONS.items():
        op.execute(text(function.replace(":", "\\:")))
        op.execute(f"ALTER FUNCTION app.{signature} OWNER TO {GUARD}")
    op.execute(f"REVOKE CREATE ON SCHEMA app FROM {GUARD}")
    for statement in _GRANTS:
        op.execute(statement)


def downgrade() -> None:
    """Older code does not see these tables, and dropping them would lose their rows.

    Only what depends on a function of an older migration lets go of it.
    """
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute(_DEFAULT_POSITION.format("(pg_current_xact_id()::text::bigint)"))
