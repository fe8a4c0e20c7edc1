"""The functions that alone can change a price. They belong to a role that cannot log in.

The service's login may call them and nothing else: whatever it sends, there is no price without a
verdict of a person of the organisation, who is owner or admin there and neither asked for nor
revised it, on exactly this content, and none before its notice has run. The clock is the
database's. Row-level security binds them too: they see the organisation of the transaction alone.

Each returns a word: `OK`, or why not. What it finds expired or overtaken it marks so, and says so.
"""

# ruff: noqa: RUF001, S608 - the contract writes days so; no value of a caller is in a text

from __future__ import annotations

GUARD = "footfall_price_guard"
"""Owns them; it cannot log in and does not bypass row-level security."""

NOTICE = "interval '720 hours'"
"""30×24 hours; in hours, for a day of 23 hours is a day of notice less."""

OPEN_FOR = "interval '336 hours'"
"""14×24 hours until a request expires."""

_HEAD = "LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp"

# What is decided on. Every part has its place in a JSON array, so no two contents have one text.
CONTENT_HASH = """
CREATE FUNCTION app.price_content_hash(p_org uuid, p_approval uuid, p_tier text, p_base integer,
  p_current bigint, p_proposed bigint, p_currency text, p_effective timestamptz, p_reason text,
  p_evidence jsonb, p_risks jsonb)
RETURNS bytea LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT sha256(convert_to(jsonb_build_array(p_org, p_approval, p_tier, p_base, p_current,
    p_proposed, p_currency, extract(epoch FROM p_effective), p_reason, p_evidence,
    p_risks)::text, 'UTF8'))
$$
"""

FIRST = f"""
CREATE FUNCTION app.price_first(p_org uuid, p_tier text, p_currency text, p_amount bigint)
RETURNS text {_HEAD} AS $$
BEGIN
  INSERT INTO app.price_versions (org_id, tier_id, version, amount_minor, currency, valid_from)
  VALUES (p_org, p_tier, 1, p_amount, p_currency, clock_timestamp())
  ON CONFLICT (org_id, tier_id, version) DO NOTHING;
  RETURN CASE WHEN FOUND THEN 'OK' ELSE 'EXISTS' END;
END $$
"""

# A request, or its next revision. What was in force is looked up here, not told by the caller.
REQUEST = f"""
CREATE FUNCTION app.price_request(p_org uuid, p_approval uuid, p_etag bigint, p_tier text,
  p_proposed bigint, p_currency text, p_effective timestamptz, p_reason text, p_evidence jsonb,
  p_risks jsonb, p_actor text, p_suggestion uuid, p_rolls_back uuid)
RETURNS text {_HEAD} AS $$
DECLARE
  known app.approvals%ROWTYPE;
  base app.price_versions%ROWTYPE;
  moment timestamptz := clock_timestamp();
  number integer := 1;
BEGIN
  IF app.current_user_id() IS NULL OR btrim(p_reason) = '' THEN RETURN 'INCOMPLETE'; END IF;
  SELECT * INTO known FROM app.approvals
    WHERE org_id = p_org AND approval_id = p_approval FOR UPDATE;
  IF FOUND <> (p_etag IS NOT NULL) THEN
    RETURN CASE WHEN FOUND THEN 'EXISTS' ELSE 'NOT_FOUND' END;
  END IF;
  IF known.approval_id IS NOT NULL THEN
    IF known.etag <> p_etag THEN RETURN 'ETAG'; END IF;
    IF known.state NOT IN (1, 4) THEN RETURN 'DECIDED'; END IF;
    IF known.expires_at <= moment THEN
      PERFORM app.price_close(p_org, p_approval, 6::smallint);
      RETURN 'EXPIRED';
    END IF;
    IF known.tier_id <> p_tier THEN RETURN 'TIER'; END IF;
    number := known.revision + 1;
  END IF;
  SELECT * INTO base FROM app.price_versions
    WHERE org_id = p_org AND tier_id = p_tier ORDER BY version DESC LIMIT 1;
  IF NOT FOUND THEN RETURN 'NOT_FOUND'; END IF;
  IF base.currency <> p_currency THEN RETURN 'CURRENCY'; END IF;
  IF base.amount_minor = p_proposed THEN RETURN 'SAME_PRICE'; END IF;
  IF p_proposed > base.amount_minor AND p_effective < moment + {NOTICE} THEN
    RETURN 'NOTICE';
  END IF;
  INSERT INTO app.approvals AS a (org_id, approval_id, tier_id, state, revision, etag,
    suggestion_id, rolls_back, requested_at, expires_at, changed_at)
  VALUES (p_org, p_approval, p_tier, 1, 1, 1, p_suggestion, p_rolls_back, moment,
    moment + {OPEN_FOR}, moment)
  ON CONFLICT (org_id, approval_id) DO UPDATE SET state = 1, revision = a.revision + 1,
    etag = a.etag + 1, expires_at = EXCLUDED.expires_at, changed_at = EXCLUDED.changed_at;
  INSERT INTO app.approval_revisions (org_id, approval_id, revision, content_hash, base_version,
    current_minor, proposed_minor, currency, requested_effective_at, reason, evidence, risks,
    contributors, made_at)
  VALUES (p_org, p_approval, number,
    app.price_content_hash(p_org, p_approval, p_tier, base.version, base.amount_minor, p_proposed,
      p_currency, p_effective, p_reason, p_evidence, p_risks),
    base.version, base.amount_minor, p_proposed, p_currency, p_effective, p_reason, p_evidence,
    p_risks, ARRAY[app.current_user_id(), p_actor], moment);
  RETURN 'OK';
END $$
"""

CLOSE = f"""
CREATE FUNCTION app.price_close(p_org uuid, p_approval uuid, p_state smallint)
RETURNS void {_HEAD} AS $$
BEGIN
  UPDATE app.approvals SET state = p_state, etag = etag + 1, changed_at = now()
    WHERE org_id = p_org AND approval_id = p_approval AND state IN (1, 4);
END $$
"""

DECIDE = f"""
CREATE FUNCTION app.price_decide(p_org uuid, p_approval uuid, p_etag bigint, p_content_hash bytea,
  p_verdict smallint, p_notes text, p_change uuid)
RETURNS text {_HEAD} AS $$
DECLARE
  known app.approvals%ROWTYPE;
  asked app.approval_revisions%ROWTYPE;
  moment timestamptz := clock_timestamp();
  newest integer;
  effective timestamptz;
BEGIN
  IF app.current_role() IS NULL OR app.current_role() NOT IN ('owner', 'admin')
    OR NOT EXISTS (SELECT FROM app.members m WHERE m.org_id = p_org
      AND m.subject = app.current_user_id() AND m.role IN ('owner', 'admin') AND NOT m.disabled)
  THEN RETURN 'ROLE'; END IF;
  IF btrim(coalesce(p_notes, '')) = '' OR p_verdict NOT IN (1, 2, 3) THEN
    RETURN 'INCOMPLETE';
  END IF;
  SELECT * INTO known FROM app.approvals
    WHERE org_id = p_org AND approval_id = p_approval FOR UPDATE;
  IF NOT FOUND THEN RETURN 'NOT_FOUND'; END IF;
  IF EXISTS (SELECT FROM app.approval_revisions r WHERE r.org_id = p_org
    AND r.approval_id = p_approval AND app.current_user_id() = ANY (r.contributors))
  THEN RETURN 'SELF_APPROVAL'; END IF;
  IF known.etag IS DISTINCT FROM p_etag THEN RETURN 'ETAG'; END IF;
  IF known.state <> 1 THEN RETURN 'DECIDED'; END IF;
  SELECT * INTO asked FROM app.approval_revisions
    WHERE org_id = p_org AND approval_id = p_approval AND revision = known.revision;
  IF asked.content_hash IS DISTINCT FROM p_content_hash THEN RETURN 'CONTENT'; END IF;
  IF known.expires_at <= moment THEN
    PERFORM app.price_close(p_org, p_approval, 6::smallint);
    RETURN 'EXPIRED';
  END IF;
  -- Who applies a price holds this row too: none moves between the look and the verdict.
  SELECT version INTO newest FROM app.price_versions WHERE org_id = p_org
    AND tier_id = known.tier_id ORDER BY version DESC LIMIT 1 FOR UPDATE;
  IF newest <> asked.base_version THEN
    PERFORM app.price_close(p_org, p_approval, 5::smallint);
    RETURN 'STALE';
  END IF;
  INSERT INTO app.approval_verdicts (org_id, approval_id, revision, content_hash, verdict,
    decided_by, role, notes, decided_at)
  VALUES (p_org, p_approval, known.revision, asked.content_hash, p_verdict, app.current_user_id(),
    app.current_role(), p_notes, moment);
  UPDATE app.approvals SET etag = etag + 1, changed_at = moment,
    state = CASE p_verdict WHEN 1 THEN 2 WHEN 2 THEN 3 ELSE 4 END
    WHERE org_id = p_org AND approval_id = p_approval;
  IF p_verdict <> 1 THEN RETURN 'OK'; END IF;
  effective := greatest(coalesce(asked.requested_effective_at, moment), moment);
  IF asked.proposed_minor > asked.current_minor THEN
    effective := greatest(effective, moment + {NOTICE});
  END IF;
  INSERT INTO app.price_changes (org_id, price_change_id, approval_id, revision, content_hash,
    verdict, tier_id, base_version, old_minor, new_minor, currency, state, etag, approved_at,
    effective_at, problem)
  VALUES (p_org, p_change, p_approval, known.revision, asked.content_hash, 1, known.tier_id,
    asked.base_version, asked.current_minor, asked.proposed_minor, asked.currency,
    CASE WHEN asked.proposed_minor > asked.current_minor THEN 2 ELSE 1 END, 1, moment, effective,
    '');
  RETURN 'OK';
END $$
"""

WITHDRAW = f"""
CREATE FUNCTION app.price_withdraw(p_org uuid, p_approval uuid, p_etag bigint)
RETURNS text {_HEAD} AS $$
DECLARE
  known app.approvals%ROWTYPE;
BEGIN
  SELECT * INTO known FROM app.approvals
    WHERE org_id = p_org AND approval_id = p_approval FOR UPDATE;
  IF NOT FOUND THEN RETURN 'NOT_FOUND'; END IF;
  IF NOT EXISTS (SELECT FROM app.approval_revisions r WHERE r.org_id = p_org
    AND r.approval_id = p_approval AND app.current_user_id() = ANY (r.contributors))
  THEN RETURN 'NOT_YOURS'; END IF;
  IF known.etag IS DISTINCT FROM p_etag THEN RETURN 'ETAG'; END IF;
  IF known.state NOT IN (1, 4) THEN RETURN 'DECIDED'; END IF;
  PERFORM app.price_close(p_org, p_approval, 7::smallint);
  RETURN 'OK';
END $$
"""

EXPIRE = f"""
CREATE FUNCTION app.price_expire(p_org uuid, p_limit integer)
RETURNS SETOF uuid {_HEAD} AS $$
BEGIN
  RETURN QUERY UPDATE app.approvals a SET state = 6, etag = a.etag + 1, changed_at = now()
    WHERE a.org_id = p_org AND a.approval_id IN (
      SELECT e.approval_id FROM app.approvals e WHERE e.org_id = p_org AND e.state IN (1, 4)
      AND e.expires_at <= clock_timestamp() ORDER BY e.expires_at LIMIT p_limit
      FOR UPDATE SKIP LOCKED)
    RETURNING a.approval_id;
END $$
"""

# The new price, for new customers from its time on. Subscribers follow in `price_reach`.
APPLY = f"""
CREATE FUNCTION app.price_apply(p_org uuid, p_change uuid)
RETURNS text {_HEAD} AS $$
DECLARE
  change app.price_changes%ROWTYPE;
  base app.price_versions%ROWTYPE;
  moment timestamptz := clock_timestamp();
  broken text;
BEGIN
  SELECT * INTO change FROM app.price_changes
    WHERE org_id = p_org AND price_change_id = p_change FOR UPDATE;
  IF NOT FOUND THEN RETURN 'NOT_FOUND'; END IF;
  IF change.state NOT IN (1, 2) THEN
    RETURN CASE WHEN change.state IN (3, 4) THEN 'ALREADY_APPLIED' ELSE 'OVER' END;
  END IF;
  IF change.effective_at > moment THEN RETURN 'TOO_EARLY'; END IF;
  SELECT * INTO base FROM app.price_versions WHERE org_id = p_org AND tier_id = change.tier_id
    ORDER BY version DESC LIMIT 1 FOR UPDATE;
  IF base.version <> change.base_version OR base.amount_minor <> change.old_minor THEN
    UPDATE app.price_changes SET state = 5, etag = etag + 1, ended_at = moment,
      problem = 'The price that it would have changed had moved when its time came.'
      WHERE org_id = p_org AND price_change_id = p_change;
    RETURN 'STALE';
  END IF;
  BEGIN
    UPDATE app.price_versions SET valid_to = change.effective_at
      WHERE org_id = p_org AND tier_id = change.tier_id AND version = base.version;
    INSERT INTO app.price_versions (org_id, tier_id, version, amount_minor, currency, valid_from,
      price_change_id, approval_id, content_hash)
    VALUES (p_org, change.tier_id, base.version + 1, change.new_minor, change.currency,
      change.effective_at, p_change, change.approval_id, change.content_hash);
  EXCEPTION WHEN integrity_constraint_violation THEN
    GET STACKED DIAGNOSTICS broken = CONSTRAINT_NAME;
    UPDATE app.price_changes SET state = 7, etag = etag + 1, ended_at = moment,
      problem = format('The database refused it, by its rule "%s".', broken)
      WHERE org_id = p_org AND price_change_id = p_change;
    RETURN 'FAILED';
  END;
  UPDATE app.price_changes SET state = 4, etag = etag + 1, ended_at = moment
    WHERE org_id = p_org AND tier_id = change.tier_id AND state = 3;
  UPDATE app.price_changes SET state = 3, etag = etag + 1, applied_at = moment
    WHERE org_id = p_org AND price_change_id = p_change;
  UPDATE app.approvals SET state = 5, etag = etag + 1, changed_at = moment
    WHERE org_id = p_org AND tier_id = change.tier_id AND state IN (1, 4);
  RETURN 'OK';
END $$
"""

# Subscribers who pay more than the price in force pay it at once; who pays less, when the notice of
# it has run, or of one that was higher and came in between.
REACH = f"""
CREATE FUNCTION app.price_reach(p_org uuid, p_tier text, p_limit integer)
RETURNS SETOF text {_HEAD} AS $$
BEGIN
  RETURN QUERY INSERT INTO app.subscription_prices AS p
    (org_id, subscription_id, valid_from, tier_id, version)
  SELECT p_org, s.subscription_id,
    greatest(v.valid_from, told.effective_at, paid.valid_from + interval '1 microsecond'),
    p_tier, v.version
  FROM app.subscriptions s
  CROSS JOIN LATERAL (
    SELECT x.version, x.amount_minor, x.valid_from FROM app.price_versions x
    WHERE x.org_id = p_org AND x.tier_id = p_tier ORDER BY x.version DESC LIMIT 1) v
  CROSS JOIN LATERAL (
    SELECT o.version, o.amount_minor, q.valid_from, q.tier_id FROM app.subscription_prices q
    JOIN app.price_versions o ON o.org_id = p_org AND o.tier_id = q.tier_id
      AND o.version = q.version
    WHERE q.org_id = p_org AND q.subscription_id = s.subscription_id
    ORDER BY q.valid_from DESC LIMIT 1) paid
  LEFT JOIN LATERAL (
    SELECT min(n.effective_at) AS effective_at FROM app.price_versions x
    JOIN app.price_notices n ON n.org_id = p_org AND n.price_change_id = x.price_change_id
      AND n.client_id = s.client_id
    WHERE x.org_id = p_org AND x.tier_id = p_tier AND x.version > paid.version
      AND x.amount_minor >= v.amount_minor AND v.amount_minor > paid.amount_minor
  ) told ON true
  WHERE s.org_id = p_org AND s.tier_id = p_tier AND s.ended_at IS NULL
    AND paid.tier_id = p_tier AND paid.version < v.version
    AND (v.amount_minor <= paid.amount_minor OR told.effective_at <= clock_timestamp())
  ORDER BY s.subscription_id LIMIT p_limit
  ON CONFLICT (org_id, subscription_id, valid_from) DO NOTHING
  RETURNING p.subscription_id;
END $$
"""

# Who comes back to a tier has not been told of what became dearer there meanwhile.
SUBSCRIBE = f"""
CREATE FUNCTION app.price_subscribe(p_org uuid, p_subscription text)
RETURNS text {_HEAD} AS $$
DECLARE
  chosen app.subscriptions%ROWTYPE;
  paid app.subscription_prices%ROWTYPE;
  newest app.price_versions%ROWTYPE;
  before app.price_versions%ROWTYPE;
BEGIN
  SELECT * INTO chosen FROM app.subscriptions
    WHERE org_id = p_org AND subscription_id = p_subscription FOR UPDATE;
  IF NOT FOUND THEN RETURN 'NOT_FOUND'; END IF;
  SELECT * INTO paid FROM app.subscription_prices WHERE org_id = p_org
    AND subscription_id = p_subscription ORDER BY valid_from DESC LIMIT 1;
  IF paid.tier_id = chosen.tier_id THEN RETURN 'EXISTS'; END IF;
  SELECT * INTO newest FROM app.price_versions
    WHERE org_id = p_org AND tier_id = chosen.tier_id ORDER BY version DESC LIMIT 1;
  IF NOT FOUND THEN RETURN 'NOT_FOUND'; END IF;
  SELECT o.* INTO before FROM app.subscription_prices q
    JOIN app.price_versions o ON o.org_id = p_org AND o.tier_id = q.tier_id
      AND o.version = q.version
    WHERE q.org_id = p_org AND q.subscription_id = p_subscription
      AND q.tier_id = chosen.tier_id ORDER BY q.valid_from DESC LIMIT 1;
  INSERT INTO app.subscription_prices (org_id, subscription_id, valid_from, tier_id, version)
  VALUES (p_org, p_subscription, clock_timestamp(), chosen.tier_id,
    CASE WHEN before.amount_minor < newest.amount_minor THEN before.version
      ELSE newest.version END);
  RETURN 'OK';
END $$
"""

NOTICE_DELIVERED = f"""
CREATE FUNCTION app.price_notice(p_org uuid, p_change uuid, p_client text,
  p_delivered timestamptz, p_channel text, p_actor text)
RETURNS text {_HEAD} AS $$
DECLARE
  change app.price_changes%ROWTYPE;
BEGIN
  SELECT * INTO change FROM app.price_changes
    WHERE org_id = p_org AND price_change_id = p_change FOR SHARE;
  IF NOT FOUND THEN RETURN 'NOT_FOUND'; END IF;
  IF change.state NOT IN (1, 2, 3) THEN RETURN 'OVER'; END IF;
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
  IF p_delivered > clock_timestamp() OR p_delivered < change.approved_at THEN
    RETURN 'TIME';
  END IF;
  INSERT INTO app.price_notices (org_id, price_change_id, client_id, delivered_at, effective_at,
    recorded_at, recorded_by, channel)
  VALUES (p_org, p_change, p_client, p_delivered,
    greatest(change.effective_at, p_delivered + {NOTICE}), clock_timestamp(), p_actor, p_channel)
  ON CONFLICT (org_id, price_change_id, client_id) DO NOTHING;
  RETURN CASE WHEN FOUND THEN 'OK' ELSE 'EXISTS' END;
END $$
"""

CANCEL = f"""
CREATE FUNCTION app.price_cancel(p_org uuid, p_change uuid, p_etag bigint, p_notes text)
RETURNS text {_HEAD} AS $$
DECLARE
  change app.price_changes%ROWTYPE;
BEGIN
  IF app.current_role() IS NULL OR app.current_role() NOT IN ('owner', 'admin')
    OR NOT EXISTS (SELECT FROM app.members m WHERE m.org_id = p_org
      AND m.subject = app.current_user_id() AND m.role IN ('owner', 'admin') AND NOT m.disabled)
  THEN RETURN 'ROLE'; END IF;
  SELECT * INTO change FROM app.price_changes
    WHERE org_id = p_org AND price_change_id = p_change FOR UPDATE;
  IF NOT FOUND THEN RETURN 'NOT_FOUND'; END IF;
  IF btrim(coalesce(p_notes, '')) = '' THEN RETURN 'INCOMPLETE'; END IF;
  IF change.etag IS DISTINCT FROM p_etag THEN RETURN 'ETAG'; END IF;
  IF change.state NOT IN (1, 2) THEN RETURN 'OVER'; END IF;
  UPDATE app.price_changes SET state = 6, etag = etag + 1, ended_at = clock_timestamp(),
    problem = p_notes WHERE org_id = p_org AND price_change_id = p_change;
  RETURN 'OK';
END $$
"""

FUNCTIONS = {
    "price_content_hash(uuid,uuid,text,integer,bigint,bigint,text,timestamptz,text,jsonb,jsonb)":
        CONTENT_HASH,
    "price_close(uuid,uuid,smallint)": CLOSE,
    "price_first(uuid,text,text,bigint)": FIRST,
    "price_request(uuid,uuid,bigint,text,bigint,text,timestamptz,text,jsonb,jsonb,text,uuid,uuid)":
        REQUEST,
    "price_decide(uuid,uuid,bigint,bytea,smallint,text,uuid)": DECIDE,
    "price_withdraw(uuid,uuid,bigint)": WITHDRAW,
    "price_expire(uuid,integer)": EXPIRE,
    "price_apply(uuid,uuid)": APPLY,
    "price_reach(uuid,text,integer)": REACH,
    "price_subscribe(uuid,text)": SUBSCRIBE,
    "price_notice(uuid,uuid,text,timestamptz,text,text)": NOTICE_DELIVERED,
    "price_cancel(uuid,uuid,bigint,text)": CANCEL,
}  # fmt: skip
"""By their signatures, in the order in which they are made."""

NOT_CALLED_BY_SERVICES = {
    "price_content_hash(uuid,uuid,text,integer,bigint,bigint,text,timestamptz,text,jsonb,jsonb)",
    "price_close(uuid,uuid,smallint)",
}
"""They are steps of the others."""
