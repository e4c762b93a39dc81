-- migrate:up
-- Answers that are given again go with the project that they tell of, not after a day.

SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

ALTER TABLE identity.answered ADD COLUMN project_id uuid;  -- null: of none
-- squawk-ignore require-concurrent-index-creation -- rows live for a day
CREATE INDEX answered_project ON identity.answered (project_id)
  WHERE project_id IS NOT NULL;

CREATE POLICY projector_answered ON identity.answered TO api_projector
  USING (true);
GRANT USAGE ON SCHEMA identity TO api_projector;
GRANT SELECT (project_id), DELETE ON identity.answered TO api_projector;
