"""Those functions of the guard of prices by which what was agreed to takes effect, or does not.

`price_guard.py` says who owns them and what they promise.
"""

# ruff: noqa: RUF001, S608 - the contract writes days so; no value of a caller is in a text

from __future__ import annotations

HEAD = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp"

NOTICE = "interval '720 hours'"
"""30×24 hours; in hours, for a day of 23 hours is a day of notice less."""

# The new price, for new customers from its time on. Subscribers follow in `price_reach`. What it
# ends with it bears its moment: `applied_at`, and `ended_at` or `changed_at`, are one. Of two of a
# tier whose time has come the older is first, whoever asks for the other.
APPLY = f"""
CREATE FUNCTION app.price_apply(p_org uuid, p_change uuid)
RETURNS text {HEAD} AS $$
DECLARE
  change app.price_changes%ROWTYPE;
  base app.price_versions%ROWTYPE;
  moment timestamptz;
  broken text;
BEGIN
  SELECT * INTO change FROM app.price_changes
    WHERE org_id = p_org AND price_change_id = p_change;
  IF NOT FOUND THEN RETURN 'NOT_FOUND'; END IF;
  base := app.price_hold(p_org, change.tier_id);
  SELECT * INTO change FROM app.price_changes
    WHERE org_id = p_org AND price_change_id = p_change FOR UPDATE;
  moment := clock_timestamp();
  IF change.state NOT IN (1, 2) THEN
    RETURN CASE WHEN change.state IN (3, 4) THEN 'ALREADY_APPLIED' ELSE 'OVER' END;
  END IF;
  IF change.effective_at > moment THEN RETURN 'TOO_EARLY'; END IF;
  IF base.version IS DISTINCT FROM change.base_version
    OR base.amount_minor <> change.old_minor THEN
    UPDATE app.price_changes SET state = 5, etag = etag + 1, ended_at = moment,
      problem = 'The price that it would have changed had moved when its time came.'
      WHERE org_id = p_org AND price_change_id = p_change;
    RETURN 'STALE';
  END IF;
  IF EXISTS (SELECT FROM app.price_changes o WHERE o.org_id = p_org
    AND o.tier_id = change.tier_id AND o.state IN (1, 2)
    AND (o.effective_at, o.price_change_id) < (change.effective_at, p_change))
  THEN RETURN 'AFTER_ANOTHER'; END IF;
  BEGIN
    UPDATE app.price_versions SET valid_to = change.effective_at, reach_at = NULL
      WHERE org_id = p_org AND tier_id = change.tier_id AND version = base.version;
    INSERT INTO app.price_versions (org_id, tier_id, version, amount_minor, currency, valid_from,
      reach_at, price_change_id, approval_id, content_hash)
    VALUES (p_org, change.tier_id, base.version + 1, change.new_minor, change.currency,
      change.effective_at, moment, p_change, change.approval_id, change.content_hash);
  EXCEPTION WHEN integrity_constraint_violation THEN
    GET STACKED DIAGNOSTICS broken = CONSTRAINT_NAME;
    UPDATE app.price_changes SET state = 7, etag = etag + 1, ended_at = moment,
      problem = format('The database refused it, by its rule "%s".', broken)
      WHERE org_id = p_org AND price_change_id = p_change;
    RETURN 'FAILED';
  END;
  UPDATE app.price_changes SET state = 4, etag = etag + 1, ended_at = moment
    WHERE org_id = p_org AND tier_id = change.tier_id AND state = 3;
  UPDATE app.price_changes SET state = 5, etag = etag + 1, ended_at = moment,
    problem = 'Another price came into force before its time.'
    WHERE org_id = p_org AND tier_id = change.tier_id AND state IN (1, 2)
    AND price_change_id <> p_change;
  UPDATE app.price_changes SET state = 3, etag = etag + 1, applied_at = moment
    WHERE org_id = p_org AND price_change_id = p_change;
  UPDATE app.approvals SET state = 5, etag = etag + 1, changed_at = moment
    WHERE org_id = p_org AND tier_id = change.tier_id AND state IN (1, 4);
  RETURN 'OK';
END $$
"""

# Of each version of a tier, by its number: the last one before the next that is dearer.
RUNS = f"""
CREATE FUNCTION app.price_runs(p_org uuid, p_tier text) RETURNS integer[] STABLE {HEAD} AS $$
BEGIN
  RETURN (SELECT array_agg(c.last ORDER BY c.version) FROM (
    SELECT b.version, max(b.version) OVER (PARTITION BY b.run) AS last FROM (
      SELECT a.version, sum(a.dearer) OVER (ORDER BY a.version) AS run FROM (
        SELECT version, CASE WHEN amount_minor > lag(amount_minor) OVER (ORDER BY version)
          THEN 1 ELSE 0 END AS dearer
        FROM app.price_versions WHERE org_id = p_org AND tier_id = p_tier) a) b) c);
END $$
"""

# What a subscription pays, and what it is to pay by now: the first price since that is no dearer,
# or that its client was told of and whose notice has run, and then down to the next that is dearer.
# A price that was over before the subscription came back to its tier is not one of them.
_DUE = """
  CROSS JOIN LATERAL (
    SELECT o.version, o.amount_minor, q.valid_from, q.tier_id FROM app.subscription_prices q
    JOIN app.price_versions o ON o.org_id = p_org AND o.tier_id = q.tier_id
      AND o.version = q.version
    WHERE q.org_id = p_org AND q.subscription_id = s.subscription_id
    ORDER BY q.valid_from DESC LIMIT 1) paid
  CROSS JOIN LATERAL (
    SELECT y.version, greatest(y.valid_from, n.effective_at) AS valid_from
    FROM app.price_versions x
    LEFT JOIN app.price_notices n ON n.org_id = p_org AND n.price_change_id = x.price_change_id
      AND n.client_id = s.client_id AND n.effective_at <= moment
    JOIN app.price_versions y ON y.org_id = p_org AND y.tier_id = p_tier
      AND y.version = runs[x.version]
    WHERE x.org_id = p_org AND x.tier_id = p_tier AND paid.tier_id = p_tier
      AND x.version > paid.version AND (n.client_id IS NOT NULL
        OR x.amount_minor <= paid.amount_minor
        AND (x.valid_to IS NULL OR x.valid_to > paid.valid_from))
    ORDER BY x.version LIMIT 1) next"""

# Who is due, found without a lock: of all subscribers where the price asks for that, else of those
# whose notices have run since it was last looked.
WAITING = f"""
CREATE FUNCTION app.price_waiting(p_org uuid, p_tier text, p_after text, p_limit integer)
RETURNS SETOF text STABLE {HEAD} AS $$
DECLARE
  v app.price_versions%ROWTYPE;
  moment timestamptz := now();
  runs integer[] := app.price_runs(p_org, p_tier);
BEGIN
  SELECT * INTO v FROM app.price_versions
    WHERE org_id = p_org AND tier_id = p_tier AND valid_to IS NULL;
  IF v.reach_all THEN
    RETURN QUERY SELECT s.subscription_id FROM app.subscriptions s {_DUE}
    WHERE s.org_id = p_org AND s.tier_id = p_tier AND s.ended_at IS NULL
      AND s.subscription_id > p_after
    ORDER BY s.subscription_id LIMIT p_limit;
  ELSE
    RETURN QUERY SELECT s.subscription_id FROM (
      SELECT DISTINCT o.subscription_id, o.client_id FROM app.price_versions x
      JOIN app.price_notices n ON n.org_id = p_org AND n.price_change_id = x.price_change_id
        AND n.effective_at BETWEEN v.reach_at AND moment
      JOIN app.subscriptions o ON o.org_id = p_org AND o.client_id = n.client_id
        AND o.tier_id = p_tier AND o.ended_at IS NULL AND o.subscription_id > p_after
      WHERE x.org_id = p_org AND x.tier_id = p_tier) s {_DUE}
    ORDER BY s.subscription_id LIMIT p_limit;
  END IF;
END $$
"""

# Those of these subscribers who are due. Who moves to another tier in this moment is passed over.
# Subscriptions are locked first, as in `price_subscribe`.
REACH = f"""
CREATE FUNCTION app.price_reach(p_org uuid, p_tier text, p_subscriptions text[])
RETURNS TABLE (reached text, reached_by integer) {HEAD} AS $$
DECLARE
  held text[];
  moment timestamptz;
  runs integer[];
BEGIN
  SELECT array_agg(h.subscription_id) INTO held FROM (
    SELECT s.subscription_id FROM app.subscriptions s
    WHERE s.org_id = p_org AND s.subscription_id = ANY (p_subscriptions)
      AND s.tier_id = p_tier AND s.ended_at IS NULL
    ORDER BY s.subscription_id FOR SHARE SKIP LOCKED) h;
  PERFORM app.price_hold(p_org, p_tier);
  moment := clock_timestamp();
  runs := app.price_runs(p_org, p_tier);
  RETURN QUERY INSERT INTO app.subscription_prices AS p
    (org_id, subscription_id, valid_from, tier_id, version)
  SELECT p_org, s.subscription_id,
    greatest(next.valid_from, paid.valid_from + interval '1 microsecond'), p_tier, next.version
  FROM app.subscriptions s {_DUE}
  WHERE s.org_id = p_org AND s.subscription_id = ANY (held)
  ON CONFLICT (org_id, subscription_id, valid_from) DO NOTHING
  RETURNING p.subscription_id, p.version;
END $$
"""

# Who had read how often the price called to be looked at found nobody due at `p_seen`: now the next
# notice is waited for, unless it has called since.
REACHED = f"""
CREATE FUNCTION app.price_reached(p_org uuid, p_tier text, p_version integer, p_calls integer,
  p_seen timestamptz)
RETURNS text {HEAD} AS $$
DECLARE
  v app.price_versions%ROWTYPE;
BEGIN
  v := app.price_hold(p_org, p_tier);
  IF v.version IS DISTINCT FROM p_version OR v.reach_calls IS DISTINCT FROM p_calls THEN
    RETURN 'AGAIN';
  END IF;
  UPDATE app.price_versions SET reach_all = false, reach_at = (
      SELECT min(n.effective_at) FROM app.price_versions x
      JOIN app.price_notices n ON n.org_id = p_org AND n.price_change_id = x.price_change_id
      WHERE x.org_id = p_org AND x.tier_id = p_tier
        AND n.effective_at > least(p_seen, clock_timestamp()))
    WHERE org_id = p_org AND tier_id = p_tier AND version = v.version;
  RETURN 'OK';
END $$
"""

# Who comes back to a tier has not been told of what became dearer there meanwhile.
SUBSCRIBE = f"""
CREATE FUNCTION app.price_subscribe(p_org uuid, p_subscription text)
RETURNS text {HEAD} AS $$
DECLARE
  chosen app.subscriptions%ROWTYPE;
  paid app.subscription_prices%ROWTYPE;
  newest app.price_versions%ROWTYPE;
  before app.price_versions%ROWTYPE;
BEGIN
  SELECT * INTO chosen FROM app.subscriptions
    WHERE org_id = p_org AND subscription_id = p_subscription FOR UPDATE;
  IF NOT FOUND THEN RETURN 'NOT_FOUND'; END IF;
  newest := app.price_hold(p_org, chosen.tier_id);
  IF newest.version IS NULL THEN RETURN 'NOT_FOUND'; END IF;
  SELECT * INTO paid FROM app.subscription_prices WHERE org_id = p_org
    AND subscription_id = p_subscription ORDER BY valid_from DESC LIMIT 1;
  SELECT o.* INTO before FROM app.subscription_prices q
    JOIN app.price_versions o ON o.org_id = p_org AND o.tier_id = q.tier_id
      AND o.version = q.version
    WHERE q.org_id = p_org AND q.subscription_id = p_subscription
      AND q.tier_id = chosen.tier_id ORDER BY q.valid_from DESC LIMIT 1;
  IF paid.tier_id IS DISTINCT FROM chosen.tier_id THEN
    -- What became cheaper on the tier that it leaves is its own, reached or not.
    INSERT INTO app.subscription_prices (org_id, subscription_id, valid_from, tier_id, version)
    SELECT p_org, p_subscription, clock_timestamp(), x.tier_id, x.version
    FROM app.price_versions x
    JOIN app.price_versions o ON o.org_id = p_org AND o.tier_id = x.tier_id
      AND o.version = paid.version AND o.amount_minor > x.amount_minor
    WHERE x.org_id = p_org AND x.tier_id = paid.tier_id AND x.valid_to IS NULL
    ON CONFLICT (org_id, subscription_id, valid_from) DO NOTHING;
    IF before.amount_minor IS NULL OR before.amount_minor >= newest.amount_minor THEN
      before := newest;
    END IF;
    INSERT INTO app.subscription_prices (org_id, subscription_id, valid_from, tier_id, version)
    VALUES (p_org, p_subscription, clock_timestamp() + interval '1 microsecond', chosen.tier_id,
      before.version);
  END IF;
  IF EXISTS (
    SELECT FROM app.price_versions x LEFT JOIN app.price_notices n ON n.org_id = p_org
      AND n.price_change_id = x.price_change_id AND n.client_id = chosen.client_id
    WHERE x.org_id = p_org AND x.tier_id = chosen.tier_id AND x.version > before.version
      AND (x.amount_minor <= before.amount_minor OR n.client_id IS NOT NULL))
  THEN
    UPDATE app.price_versions SET reach_at = clock_timestamp(), reach_all = true,
      reach_calls = reach_calls + 1
      WHERE org_id = p_org AND tier_id = chosen.tier_id AND version = newest.version;
  END IF;
  RETURN CASE WHEN paid.tier_id = chosen.tier_id THEN 'EXISTS' ELSE 'OK' END;
END $$
"""

NOTICE_DELIVERED = f"""
CREATE FUNCTION app.price_notice(p_org uuid, p_change uuid, p_client text,
  p_delivered timestamptz, p_channel text, p_actor text)
RETURNS text {HEAD} AS $$
DECLARE
  change app.price_changes%ROWTYPE;
  moment timestamptz;
  due timestamptz;
BEGIN
  SELECT * INTO change FROM app.price_changes
    WHERE org_id = p_org AND price_change_id = p_change;
  IF NOT FOUND THEN RETURN 'NOT_FOUND'; END IF;
  PERFORM app.price_hold(p_org, change.tier_id);
  SELECT * INTO change FROM app.price_changes
    WHERE org_id = p_org AND price_change_id = p_change FOR SHARE;
  moment := clock_timestamp();
  IF change.state NOT IN (1, 2, 3) THEN RETURN 'OVER'; END IF;
  IF NOT EXISTS (SELECT FROM app.subscriptions s WHERE s.org_id = p_org
    AND s.client_id = p_client AND s.tier_id = change.tier_id AND s.ended_at IS NULL)
  THEN RETURN 'SUBSCRIPTION'; END IF;
  IF change.new_minor <= change.old_minor AND NOT EXISTS (
    SELECT FROM app.subscriptions s
    JOIN app.subscription_prices q ON q.org_id = p_org AND q.subscription_id = s.subscription_id
    JOIN app.price_versions o ON o.org_id = p_org AND o.tier_id = q.tier_id
      AND o.version = q.version
    WHERE s.org_id = p_org AND s.client_id = p_client AND s.tier_id = change.tier_id
      AND s.ended_at IS NULL AND q.tier_id = change.tier_id
      AND q.valid_from = (SELECT max(l.valid_from) FROM app.subscription_prices l
        WHERE l.org_id = p_org AND l.subscription_id = s.subscription_id)
      AND o.amount_minor < change.new_minor)
  THEN RETURN 'DECREASE'; END IF;
  IF p_delivered > moment OR p_delivered < change.approved_at THEN RETURN 'TIME'; END IF;
  due := greatest(change.effective_at, coalesce(p_delivered, moment) + {NOTICE});
  INSERT INTO app.price_notices (org_id, price_change_id, client_id, delivered_at, effective_at,
    recorded_at, recorded_by, channel)
  VALUES (p_org, p_change, p_client, coalesce(p_delivered, moment), due, moment, p_actor,
    p_channel)
  ON CONFLICT (org_id, price_change_id, client_id) DO NOTHING;
  IF NOT FOUND THEN RETURN 'EXISTS'; END IF;
  UPDATE app.price_versions SET reach_at = least(reach_at, due),
    reach_calls = reach_calls + CASE WHEN due <= moment THEN 1 ELSE 0 END
    WHERE org_id = p_org AND tier_id = change.tier_id AND price_change_id = p_change
    AND valid_to IS NULL AND (reach_at IS NULL OR reach_at > due OR due <= moment);
  RETURN 'OK';
END $$
"""

CANCEL = f"""
CREATE FUNCTION app.price_cancel(p_org uuid, p_change uuid, p_etag bigint, p_notes text)
RETURNS text {HEAD} AS $$
DECLARE
  change app.price_changes%ROWTYPE;
  moment timestamptz;
BEGIN
  IF app.current_role() IS NULL OR app.current_role() NOT IN ('owner', 'admin')
    OR NOT EXISTS (SELECT FROM app.members m WHERE m.org_id = p_org
      AND m.subject = app.current_user_id() AND m.role IN ('owner', 'admin') AND NOT m.disabled)
  THEN RETURN 'ROLE'; END IF;
  SELECT * INTO change FROM app.price_changes
    WHERE org_id = p_org AND price_change_id = p_change FOR UPDATE;
  IF NOT FOUND THEN RETURN 'NOT_FOUND'; END IF;
  IF p_notes IS NULL OR p_notes !~ '[^[:space:]]' THEN RETURN 'INCOMPLETE'; END IF;
  IF change.state NOT IN (1, 2) THEN
    RETURN CASE WHEN change.state IN (3, 4) THEN 'ALREADY_APPLIED' ELSE 'OVER' END;
  END IF;
  IF change.etag IS DISTINCT FROM p_etag THEN RETURN 'ETAG'; END IF;
  moment := clock_timestamp();
  IF change.effective_at <= moment THEN RETURN 'DUE'; END IF;
  UPDATE app.price_changes SET state = 6, etag = etag + 1, ended_at = moment,
    problem = p_notes WHERE org_id = p_org AND price_change_id = p_change;
  RETURN 'OK';
END $$
"""
