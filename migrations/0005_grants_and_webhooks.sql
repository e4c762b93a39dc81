-- migrate:up
-- Who else hears of a project: services with a grant, folded from the events (schema
-- `views`), and webhooks with their queue (schema `hooks`). Owned by the api.
--
-- A webhook is not folded from anything, so nothing here depends on rows of `views`,
-- which may be made anew. What is due is queued in the transaction that folds the event.

SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

CREATE TABLE views.service_grant (
  project_id uuid NOT NULL REFERENCES views.project (id) ON DELETE CASCADE,
  service    text NOT NULL CHECK (octet_length(service) <= 32),
  access     text NOT NULL,
  user_id    uuid NOT NULL,
  granted_at timestamptz NOT NULL,
  PRIMARY KEY (project_id, service)
);
ALTER TABLE views.service_grant ENABLE ROW LEVEL SECURITY;
ALTER TABLE views.service_grant FORCE ROW LEVEL SECURITY;
CREATE POLICY own_grants ON views.service_grant FOR SELECT
  USING (user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid));
CREATE POLICY projector_grants ON views.service_grant TO api_projector
  USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON views.service_grant TO api_projector;

CREATE SCHEMA hooks;

CREATE TABLE hooks.webhook (
  id         uuid PRIMARY KEY,
  project_id uuid NOT NULL,
  user_id    uuid NOT NULL,
  url        text NOT NULL CHECK (octet_length(url) <= 2048),
  events     text[] NOT NULL CHECK (cardinality(events) BETWEEN 1 AND 100),
  secret     bytea NOT NULL CHECK (octet_length(secret) <= 256),  -- encrypted
  enabled    boolean NOT NULL DEFAULT true,
  queued_seq bigint NOT NULL,  -- up to which version events are queued; only grows
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended_at   timestamptz       -- the project was deleted; goes when all is delivered
);
-- squawk-ignore require-concurrent-index-creation -- the table is new
CREATE INDEX webhook_project ON hooks.webhook (project_id, created_at);

CREATE TABLE hooks.delivery (
  id          uuid PRIMARY KEY,
  webhook_id  uuid NOT NULL REFERENCES hooks.webhook (id) ON DELETE CASCADE,
  user_id     uuid NOT NULL,
  seq         bigint NOT NULL,
  type        text NOT NULL CHECK (octet_length(type) <= 100),
  body        bytea NOT NULL CHECK (octet_length(body) <= 300000),
  state       text NOT NULL DEFAULT 'pending'
              CHECK (state IN ('pending', 'delivered', 'failed')),
  attempts    bigint NOT NULL DEFAULT 0,
  due_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
  created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  tried_at    timestamptz,
  last_status bigint,
  last_error  text CHECK (octet_length(last_error) <= 1000)
);
-- squawk-ignore require-concurrent-index-creation -- the table is new
CREATE INDEX delivery_due ON hooks.delivery (due_at) WHERE state = 'pending';
-- squawk-ignore require-concurrent-index-creation -- the table is new
CREATE INDEX delivery_webhook ON hooks.delivery (webhook_id, created_at);

ALTER TABLE hooks.webhook ENABLE ROW LEVEL SECURITY;
ALTER TABLE hooks.webhook FORCE ROW LEVEL SECURITY;
ALTER TABLE hooks.delivery ENABLE ROW LEVEL SECURITY;
ALTER TABLE hooks.delivery FORCE ROW LEVEL SECURITY;

CREATE POLICY own_webhooks ON hooks.webhook
  USING (user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid));
CREATE POLICY own_deliveries ON hooks.delivery
  USING (user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid));
CREATE POLICY projector_webhooks ON hooks.webhook TO api_projector
  USING (true) WITH CHECK (true);
CREATE POLICY projector_deliveries ON hooks.delivery TO api_projector
  USING (true) WITH CHECK (true);

GRANT USAGE ON SCHEMA hooks TO api_projector;
GRANT SELECT, INSERT, UPDATE, DELETE ON hooks.webhook, hooks.delivery TO api_projector;

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'api') THEN
    GRANT SELECT ON views.service_grant TO api;
    GRANT USAGE ON SCHEMA hooks TO api;
    GRANT SELECT, INSERT, UPDATE, DELETE ON hooks.webhook TO api;
    GRANT SELECT, UPDATE ON hooks.delivery TO api;
  END IF;
END
$$;
