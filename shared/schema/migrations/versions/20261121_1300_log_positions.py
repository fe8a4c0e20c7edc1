"""Positions in the commit log go on where they were when the database moves to another cluster.

Transaction ids are those of one cluster: after a restore from a dump they begin again. What the
functions add to them lets positions grow all the same; `shared/schema/commit_log.py` keeps it.

Revision ID: 20261121_1300
Revises: 20261121_1000
"""

from alembic import op

from shared.schema import commit_log

revision = "20261121_1300"
down_revision = "20261121_1000"
branch_labels = None
depends_on = None

_LOGS = ("event_log", "insight_changes")
_SERVICES = "footfall_event_ingest, footfall_insight, footfall_journey, footfall_pricing"

_REFUSE_TO_FORGET = """
DO $$ BEGIN IF app.log_position() <> pg_current_xact_id()::text::bigint THEN
  RAISE EXCEPTION 'positions of the commit log begin beyond transaction ids, since a restore';
END IF; END $$
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    for function in commit_log.functions(commit_log.Home(cluster=0, shift=0)):
        op.execute(function)
    op.execute(f"GRANT EXECUTE ON FUNCTION app.log_position() TO {_SERVICES}")
    op.execute(
        f"GRANT EXECUTE ON FUNCTION app.log_horizon(), app.log_cluster() TO {_SERVICES}, "
        "footfall_maintenance"
    )
    for log in _LOGS:
        op.execute(f"ALTER TABLE app.{log} ALTER position SET DEFAULT app.log_position()")


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    op.execute(_REFUSE_TO_FORGET)
    for log in _LOGS:
        op.execute(
            f"ALTER TABLE app.{log} ALTER position SET DEFAULT (pg_current_xact_id()::text::bigint)"
        )
    op.execute("DROP FUNCTION app.log_position(), app.log_horizon(), app.log_cluster()")
