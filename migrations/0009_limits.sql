-- migrate:up
-- What administrators let language models cost. The newest row holds; those before say
-- what was chosen when, and by whom.

SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

CREATE TABLE log.limits (
  id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at              timestamptz NOT NULL DEFAULT clock_timestamp(),
  chosen_by       uuid NOT NULL,
  -- Null: any amount.
  run_usd         double precision CHECK (run_usd >= 0),
  max_run_usd     double precision CHECK (max_run_usd >= 0),
  project_usd     double precision CHECK (project_usd >= 0),
  max_project_usd double precision CHECK (max_project_usd >= 0),
  run_tokens      bigint CHECK (run_tokens > 0),
  max_run_tokens  bigint CHECK (max_run_tokens > 0),
  user_day_usd    double precision CHECK (user_day_usd >= 0),
  day_usd         double precision CHECK (day_usd >= 0)
);

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'agent') THEN
    GRANT SELECT, INSERT ON log.limits TO agent;
  END IF;
END
$$;
