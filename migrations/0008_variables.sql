-- migrate:up
-- Variables and secrets of apps, owned by the api. Nothing of them is in any log or
-- event but their names: they are kept here alone, encrypted with a key that is not in
-- the database. A sandbox gets them from the api, which names the project then.

SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

CREATE SCHEMA vault;

CREATE TABLE vault.variable (
  project_id uuid NOT NULL,
  name       text COLLATE "C" NOT NULL CHECK (octet_length(name) <= 100),
  user_id    uuid NOT NULL,
  value      bytea NOT NULL CHECK (octet_length(value) <= 40000),  -- encrypted
  secret     boolean NOT NULL,  -- never shown again
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (project_id, name)
);

ALTER TABLE vault.variable ENABLE ROW LEVEL SECURITY;
ALTER TABLE vault.variable FORCE ROW LEVEL SECURITY;
CREATE POLICY own_variables ON vault.variable
  USING (user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid));
CREATE POLICY variables_of_app ON vault.variable FOR SELECT
  USING (
    project_id = (SELECT nullif(current_setting('app.project_id', true), '')::uuid));
CREATE POLICY projector_variables ON vault.variable TO api_projector
  USING (true) WITH CHECK (true);

GRANT USAGE ON SCHEMA vault TO api_projector;
GRANT SELECT, DELETE ON vault.variable TO api_projector;

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'api') THEN
    GRANT USAGE ON SCHEMA vault TO api;
    GRANT SELECT, INSERT, UPDATE, DELETE ON vault.variable TO api;
  END IF;
END
$$;
