-- migrate:up
-- What the api shows of projects: folded from the events, owned by the api.
--
-- Requests read as the role `api` and see the rows of the user that they name with
-- set_config('app.user_id', ..., true). Only the projector writes, and only after
-- SET LOCAL ROLE api_projector: what a request may not do, it cannot do.
--
-- All of it can be dropped and folded again from the log.

SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

DO $$
BEGIN
  CREATE ROLE api_projector NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN
  NULL;  -- roles belong to the whole cluster: another database made it
END
$$;

CREATE SCHEMA views;

CREATE TABLE views.project (
  id          uuid PRIMARY KEY,
  user_id     uuid NOT NULL,
  name        text NOT NULL,
  description text NOT NULL,
  status      text NOT NULL,
  preview_url text,
  sandbox_id  text,
  created_at  timestamptz NOT NULL,
  updated_at  timestamptz NOT NULL
);
-- squawk-ignore require-concurrent-index-creation -- the table is new
CREATE INDEX project_user ON views.project (user_id, created_at);

-- Content is bytea because text refuses NUL, which a file may hold.
CREATE TABLE views.file (
  project_id uuid NOT NULL REFERENCES views.project (id) ON DELETE CASCADE,
  path       text COLLATE "C" NOT NULL CHECK (octet_length(path) <= 2048),
  id         uuid NOT NULL,
  user_id    uuid NOT NULL,
  content    bytea NOT NULL,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  PRIMARY KEY (project_id, path)
);
-- squawk-ignore require-concurrent-index-creation -- the table is new
CREATE INDEX file_id ON views.file (project_id, id);

-- Up to which version each project is folded, deleted ones too: a number and nothing
-- of the project, so that it has no owner. A request waits by it for what it has written.
CREATE TABLE views.position (
  project_id uuid PRIMARY KEY,
  seq        bigint NOT NULL CHECK (seq >= 0)
);

-- Where the stream of each shard is read from next.
CREATE TABLE views.checkpoint (
  shard          bigint PRIMARY KEY,
  stream_created text NOT NULL,
  stream_seq     bigint NOT NULL,
  model          bigint NOT NULL
);

ALTER TABLE views.project ENABLE ROW LEVEL SECURITY;
ALTER TABLE views.project FORCE ROW LEVEL SECURITY;
ALTER TABLE views.file ENABLE ROW LEVEL SECURITY;
ALTER TABLE views.file FORCE ROW LEVEL SECURITY;

-- A setting that was local to a transaction is empty after it, not unset.
CREATE POLICY own_projects ON views.project FOR SELECT
  USING (user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid));
CREATE POLICY own_files ON views.file FOR SELECT
  USING (user_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid));
CREATE POLICY projector_projects ON views.project TO api_projector
  USING (true) WITH CHECK (true);
CREATE POLICY projector_files ON views.file TO api_projector
  USING (true) WITH CHECK (true);

GRANT USAGE ON SCHEMA views TO api_projector;
GRANT SELECT, INSERT, UPDATE, DELETE
  ON views.project, views.file, views.position, views.checkpoint TO api_projector;

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'api') THEN
    GRANT USAGE ON SCHEMA views TO api;
    GRANT SELECT ON views.project, views.file, views.position TO api;
    -- Not inherited: to write, the role has to be taken on, for one transaction.
    GRANT api_projector TO api WITH INHERIT FALSE, SET TRUE;
  END IF;
END
$$;
