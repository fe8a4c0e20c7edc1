"""Walls between organisations: who may touch which table, and which rows of it.

Every tenant table has row-level security, enabled and forced, with one policy of plain expressions
for all commands, USING and WITH CHECK alike. The rules are data here, so that migrations apply them
and the tests attack them from one list.
"""

from __future__ import annotations

from enum import StrEnum

# How a transaction says for whom it works. Not set_config(): the setting of a function does not
# reach the workers of a Citus cluster, SET LOCAL inside plpgsql does. Plain Postgres takes the
# citus name as a placeholder. Not STRICT: NULL must clear.
SET_IDENTITY = """
CREATE FUNCTION app.set_identity(p_org uuid, p_role text, p_user_id text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  SET LOCAL citus.propagate_set_commands = 'local';
  EXECUTE pg_catalog.format('SET LOCAL app.org_id = %L', coalesce(p_org::text, ''));
  EXECUTE pg_catalog.format('SET LOCAL app.role = %L', coalesce(p_role, ''));
  EXECUTE pg_catalog.format('SET LOCAL app.user_id = %L', coalesce(p_user_id, ''));
END $$
"""

# Nothing set reads as '' after the first use of a connection, hence nullif: no tenant, no rows.
CURRENT_ORG = """
CREATE FUNCTION app.current_org() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT nullif(pg_catalog.current_setting('app.org_id', true), '')::uuid
$$
"""

CURRENT_ROLE = """
CREATE FUNCTION app.current_role() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT nullif(pg_catalog.current_setting('app.role', true), '')
$$
"""

CURRENT_USER_ID = """
CREATE FUNCTION app.current_user_id() RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT nullif(pg_catalog.current_setting('app.user_id', true), '')
$$
"""

IDENTITY_FUNCTIONS = (SET_IDENTITY, CURRENT_ORG, CURRENT_ROLE, CURRENT_USER_ID)


# First in a migration that makes tables, and only where the citus extension is installed; see
# docs/operations.md, "More than one machine".
CITUS_FIRST = """
DO $$ BEGIN IF EXISTS (SELECT 1 FROM pg_extension WHERE extname = 'citus') THEN
  SET LOCAL citus.multi_shard_modify_mode = 'sequential';
  SET LOCAL citus.enable_local_reference_table_foreign_keys = off; END IF; END $$
"""


class Rows(StrEnum):
    """Which rows of its organisation's a caller may see and write."""

    ORGANISATION = "org_id = app.current_org()"
    """All of them."""

    OWN_FOR_MEMBERS = (
        "org_id = app.current_org() AND (app.current_role() IN "
        "('ingest', 'owner', 'admin', 'service') "
        "OR (app.current_role() = 'member' AND user_id = app.current_user_id()))"
    )
    """Members those that carry their `user_id`, others all. `ingest` is the writer that stores for
    many callers at once: the handler before it has set or refused each `user_id`."""

    NOT_FOR_MEMBERS = (
        "org_id = app.current_org() AND app.current_role() IN "
        "('ingest', 'owner', 'admin', 'service')"
    )
    """Members none."""


def wall(table: str, rows: Rows) -> list[str]:
    """The statements that put a table behind its wall."""
    return [
        f"ALTER TABLE app.{table} ENABLE ROW LEVEL SECURITY",
        f"ALTER TABLE app.{table} FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY {table}_tenant ON app.{table} USING ({rows}) WITH CHECK ({rows})",
    ]
