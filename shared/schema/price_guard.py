"""The functions that alone can change a price. They belong to a role that cannot log in.

The service's login may call them and nothing else: whatever it sends, there is no price without a
verdict of a person of the organisation, who is owner or admin there and neither asked for nor
revised it, on exactly this content, and none before its notice has run. The clock is the
database's. Row-level security binds them too: they see the organisation of the transaction alone.

Each returns a word: `OK`, or why not. What it finds expired or overtaken it marks so, and says so.
"""

# ruff: noqa: RUF001, S608 - the contract writes days so; no value of a caller is in a text

from __future__ import annotations

from shared.schema.price_effect import (
    APPLY,
    CANCEL,
    HEAD,
    NOTICE,
    NOTICE_DELIVERED,
    REACH,
    REACHED,
    RUNS,
    SUBSCRIBE,
    WAITING,
)

GUARD = "footfall_price_guard"
"""Owns them; it cannot log in and does not bypass row-level security."""

OPEN_FOR = "interval '336 hours'"
"""14×24 hours until a request expires."""

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
RETURNS text {HEAD} AS $$
BEGIN
  INSERT INTO app.price_versions (org_id, tier_id, version, amount_minor, currency, valid_from)
  VALUES (p_org, p_tier, 1, p_amount, p_currency, clock_timestamp())
  ON CONFLICT (org_id, tier_id, version) DO NOTHING;
  RETURN CASE WHEN FOUND THEN 'OK' ELSE 'EXISTS' END;
END $$
"""

# The price in force, which nobody else moves until the transaction ends. Whoever locks more locks
# it first, subscriptions apart, so that nobody waits for each other.
HOLD = f"""
CREATE FUNCTION app.price_hold(p_org uuid, p_tier text)
RETURNS app.price_versions {HEAD} AS $$
DECLARE
  held app.price_versions%ROWTYPE;
BEGIN
  FOR attempt IN 1..10 LOOP
    SELECT * INTO held FROM app.price_versions
      WHERE org_id = p_org AND tier_id = p_tier AND valid_to IS NULL FOR NO KEY UPDATE;
    -- Who waited for one that is over by now looks for the next.
    IF FOUND OR NOT EXISTS (
      SELECT FROM app.price_versions WHERE org_id = p_org AND tier_id = p_tier)
    THEN RETURN held; END IF;
  END LOOP;
  RAISE EXCEPTION 'tier % has prices, and none of them is in force', p_tier
    USING ERRCODE = 'object_not_in_prerequisite_state';
END $$
"""

# A request, or its next revision. What was in force is looked up here, not told by the caller.
REQUEST = f"""
CREATE FUNCTION app.price_request(p_org uuid, p_approval uuid, p_etag bigint, p_tier text,
  p_proposed bigint, p_currency text, p_effective timestamptz, p_reason text, p_evidence jsonb,
  p_risks jsonb, p_actor text, p_suggestion uuid, p_rolls_back uuid)
RETURNS text {HEAD} AS $$
DECLARE
  known app.approvals%ROWTYPE;
  base app.price_versions%ROWTYPE;
  moment timestamptz := clock_timestamp();
  number integer := 1;
BEGIN
  IF app.current_user_id() IS NULL OR p_reason IS NULL OR p_reason !~ '[^[:space:]]' THEN
    RETURN 'INCOMPLETE';
  END IF;
  -- Not by sharing it: who shares passes by whoever waits to move the price.
  base := app.price_hold(p_org, p_tier);
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
  IF base.version IS NULL THEN RETURN 'NOT_FOUND'; END IF;
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
    etag = a.etag + 1, expires_at = EXCLUDED.expires_at, changed_at = EXCLUDED.changed_at,
    -- Another price than the one before undoes nothing.
    rolls_back = (SELECT c.price_change_id FROM app.price_changes c WHERE c.org_id = p_org
      AND c.price_change_id = a.rolls_back AND c.old_minor = p_proposed);
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
RETURNS void {HEAD} AS $$
BEGIN
  UPDATE app.approvals SET state = p_state, etag = etag + 1, changed_at = now()
    WHERE org_id = p_org AND approval_id = p_approval AND state IN (1, 4);
END $$
"""

DECIDE = f"""
CREATE FUNCTION app.price_decide(p_org uuid, p_approval uuid, p_etag bigint, p_content_hash bytea,
  p_verdict smallint, p_notes text, p_change uuid)
RETURNS text {HEAD} AS $$
DECLARE
  known app.approvals%ROWTYPE;
  asked app.approval_revisions%ROWTYPE;
  base app.price_versions%ROWTYPE;
  moment timestamptz;
  effective timestamptz;
BEGIN
  IF app.current_role() IS NULL OR app.current_role() NOT IN ('owner', 'admin')
    OR NOT EXISTS (SELECT FROM app.members m WHERE m.org_id = p_org
      AND m.subject = app.current_user_id() AND m.role IN ('owner', 'admin') AND NOT m.disabled)
  THEN RETURN 'ROLE'; END IF;
  IF p_notes IS NULL OR p_notes !~ '[^[:space:]]' OR p_verdict NOT IN (1, 2, 3) THEN
    RETURN 'INCOMPLETE';
  END IF;
  SELECT * INTO known FROM app.approvals WHERE org_id = p_org AND approval_id = p_approval;
  IF NOT FOUND THEN RETURN 'NOT_FOUND'; END IF;
  base := app.price_hold(p_org, known.tier_id);
  SELECT * INTO known FROM app.approvals
    WHERE org_id = p_org AND approval_id = p_approval FOR UPDATE;
  moment := clock_timestamp();
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
  IF base.version IS DISTINCT FROM asked.base_version THEN
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
RETURNS text {HEAD} AS $$
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
RETURNS SETOF uuid {HEAD} AS $$
BEGIN
  RETURN QUERY UPDATE app.approvals a SET state = 6, etag = a.etag + 1, changed_at = now()
    WHERE a.org_id = p_org AND a.approval_id IN (
      SELECT e.approval_id FROM app.approvals e WHERE e.org_id = p_org AND e.state IN (1, 4)
      AND e.expires_at <= clock_timestamp() ORDER BY e.expires_at LIMIT p_limit
      FOR UPDATE SKIP LOCKED)
    RETURNING a.approval_id;
END $$
"""

FUNCTIONS = {
    "price_content_hash(uuid,uuid,text,integer,bigint,bigint,text,timestamptz,text,jsonb,jsonb)":
        CONTENT_HASH,
    "price_close(uuid,uuid,smallint)": CLOSE,
    "price_hold(uuid,text)": HOLD,
    "price_first(uuid,text,text,bigint)": FIRST,
    "price_request(uuid,uuid,bigint,text,bigint,text,timestamptz,text,jsonb,jsonb,text,uuid,uuid)":
        REQUEST,
    "price_decide(uuid,uuid,bigint,bytea,smallint,text,uuid)": DECIDE,
    "price_withdraw(uuid,uuid,bigint)": WITHDRAW,
    "price_expire(uuid,integer)": EXPIRE,
    "price_apply(uuid,uuid)": APPLY,
    "price_runs(uuid,text)": RUNS,
    "price_waiting(uuid,text,text,integer)": WAITING,
    "price_reach(uuid,text,text[])": REACH,
    "price_reached(uuid,text,integer,integer,timestamptz)": REACHED,
    "price_subscribe(uuid,text)": SUBSCRIBE,
    "price_notice(uuid,uuid,text,timestamptz,text,text)": NOTICE_DELIVERED,
    "price_cancel(uuid,uuid,bigint,text)": CANCEL,
}  # fmt: skip
"""By their signatures, in the order in which they are made."""

NOT_CALLED_BY_SERVICES = {
    "price_content_hash(uuid,uuid,text,integer,bigint,bigint,text,timestamptz,text,jsonb,jsonb)",
    "price_close(uuid,uuid,smallint)",
    "price_hold(uuid,text)",
    "price_runs(uuid,text)",
}
"""They are steps of the others."""
