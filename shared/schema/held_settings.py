"""Who counts by an organisation's time zone and currency, and who changes them.

Writers keep both in memory, and a change of the zone counts every event anew. So each writer holds
the settings it counts by until it commits, and the change waits for all who hold them.
"""

from __future__ import annotations

LOCK_OF_SETTINGS = 0x666F6F74_7A6F6E65  # "footzone": any seed nobody else takes

# VOLATILE: each statement inside takes a snapshot of its own, the second after the lock is there,
# so that a change is seen that was committed while the caller's statement began. It does not wait:
# events of other organisations are in the same transaction.
HOLD_SETTINGS = f"""
CREATE FUNCTION app.hold_settings(p_org uuid, p_time_zone text, p_currency text) RETURNS boolean
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
  IF NOT pg_catalog.pg_try_advisory_xact_lock_shared(
      pg_catalog.hashtextextended(p_org::text, {LOCK_OF_SETTINGS})) THEN
    RETURN false;
  END IF;
  RETURN EXISTS (
    SELECT FROM app.organisations o WHERE o.org_id = p_org AND o.time_zone = p_time_zone
      AND o.currency = p_currency);
END $$
"""

# From the organisation's row, so that it is taken on the node where its writers take theirs.
TAKE_SETTINGS = f"""
SELECT pg_catalog.pg_advisory_xact_lock(
  pg_catalog.hashtextextended(o.org_id::text, {LOCK_OF_SETTINGS}))
FROM app.organisations o WHERE o.org_id = %s::uuid
"""  # noqa: S608 - only a number of our own goes in
"""Waits for all writers of the organisation; until the end of the transaction there are none."""
