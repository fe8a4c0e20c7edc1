"""The job queue of insight: the tables of a library, in a schema of their own.

Its statements are the library's, unchanged, but for the triggers that notify: every login of the
database would hear them, and workers look by themselves. Another version of the library brings a
migration of its own.

Revision ID: 20261121_1400
Revises: 20261121_1320
"""

from pathlib import Path

from alembic import op
from sqlalchemy import text

revision = "20261121_1400"
down_revision = "20261121_1320"
branch_labels = None
depends_on = None

_SCHEMA = Path(__file__).parents[1] / "procrastinate_3_10_0.sql"

_QUIET = (
    "DROP TRIGGER procrastinate_jobs_notify_queue_job_inserted_v1 ON jobs.procrastinate_jobs",
    "DROP TRIGGER procrastinate_jobs_notify_queue_job_aborted_v1 ON jobs.procrastinate_jobs",
)

# Found whatever path a session looks along.
_FIXED_PATHS = """
DO $$ DECLARE f regprocedure; BEGIN
  FOR f IN SELECT oid FROM pg_proc WHERE pronamespace = 'jobs'::regnamespace LOOP
    EXECUTE 'ALTER FUNCTION ' || f || ' SET search_path = jobs, pg_catalog, pg_temp';
  END LOOP;
END $$
"""

_GRANTS = (
    "REVOKE ALL ON ALL FUNCTIONS IN SCHEMA jobs FROM PUBLIC",
    "GRANT USAGE ON SCHEMA jobs TO footfall_insight",
    """GRANT SELECT, INSERT, UPDATE, DELETE ON jobs.procrastinate_jobs,
        jobs.procrastinate_events, jobs.procrastinate_periodic_defers, jobs.procrastinate_workers
        TO footfall_insight""",
    """GRANT USAGE ON SEQUENCE jobs.procrastinate_jobs_id_seq, jobs.procrastinate_events_id_seq,
        jobs.procrastinate_periodic_defers_id_seq TO footfall_insight""",
    """GRANT EXECUTE ON FUNCTION jobs.procrastinate_defer_jobs_v1,
        jobs.procrastinate_defer_periodic_job_v2, jobs.procrastinate_fetch_job_v2,
        jobs.procrastinate_register_worker_v1, jobs.procrastinate_unregister_worker_v1,
        jobs.procrastinate_update_heartbeat_v1, jobs.procrastinate_prune_stalled_workers_v1
        TO footfall_insight""",
)


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '5s'")
    connection = op.get_bind()
    if connection.scalar(text("SELECT to_regclass('jobs.procrastinate_jobs') IS NOT NULL")):
        return  # gone back once, and all is still here
    op.execute("CREATE SCHEMA jobs")
    op.execute("SET LOCAL search_path = jobs, pg_catalog")
    unread = {"no_parameters": True}  # what looks like one is part of the text
    connection.exec_driver_sql(_SCHEMA.read_text(), execution_options=unread)
    for statement in (*_QUIET, _FIXED_PATHS, *_GRANTS):
        op.execute(statement)
    op.execute("SET LOCAL search_path = DEFAULT")


def downgrade() -> None:
    """Nothing: older code does not see this schema, and dropping it would lose jobs."""
