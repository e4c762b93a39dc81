-- migrate:up
-- What the api shows besides: how a file's content is told (as text or in base64; the
-- column holds the bytes themselves), and what language models have cost. Both are
-- folded from the events, and folded anew where an older version has made them.

SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

ALTER TABLE views.file ADD COLUMN encoding text NOT NULL DEFAULT 'utf-8';

-- It outlives the project: what was spent stays spent.
CREATE TABLE views.usage (
  project_id        uuid NOT NULL,
  day               date NOT NULL,  -- in UTC
  model             text NOT NULL CHECK (octet_length(model) <= 1024),
  user_id           uuid NOT NULL,
  calls             bigint NOT NULL,
  prompt_tokens     bigint NOT NULL,
  completion_tokens bigint NOT NULL,
  cost_usd          double precision NOT NULL,
  PRIMARY KEY (project_id, day, model)
);
-- squawk-ignore require-concurrent-index-creation -- the table is new
CREATE INDEX usage_user ON views.usage (user_id, day);

ALTER TABLE views.usage ENABLE ROW LEVEL SECURITY;
ALTER TABLE views.usage FORCE ROW LEVEL SECURITY;
CREATE POLICY own_usage ON views.usage FOR SELECT
  USING (user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid));
CREATE POLICY projector_usage ON views.usage TO api_projector
  USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON views.usage TO api_projector;

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'api') THEN
    GRANT SELECT ON views.usage TO api;
  END IF;
END
$$;
