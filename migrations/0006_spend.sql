-- migrate:up
-- What calls of language models cost, by the owner of the project and by day in UTC, so
-- that limits are checked without reading logs. The log stays the truth; this is a sum of
-- it that the agent may read before every call.

SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

CREATE TABLE log.spend (
  day      date NOT NULL,
  owner_id uuid NOT NULL,
  calls    bigint NOT NULL,
  tokens   bigint NOT NULL,
  cost_usd double precision NOT NULL,
  PRIMARY KEY (day, owner_id)
);

-- A damaged event costs its sum, never the append: the exception is caught.
CREATE FUNCTION log.keep_spend() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  _usage jsonb;
BEGIN
  _usage := (convert_from(NEW.data, 'UTF8')::jsonb) -> 'usage';
  INSERT INTO log.spend AS s (day, owner_id, calls, tokens, cost_usd)
  SELECT (NEW.at AT TIME ZONE 'UTC')::date,
         ((convert_from(e.data, 'UTF8')::jsonb) ->> 'owner_id')::uuid,
         1,
         coalesce((_usage ->> 'prompt_tokens')::bigint, 0)
           + coalesce((_usage ->> 'completion_tokens')::bigint, 0),
         coalesce((_usage ->> 'cost_usd')::double precision, 0)
    FROM log.event e
   WHERE e.project_id = NEW.project_id AND e.seq = 1
  ON CONFLICT (day, owner_id) DO UPDATE
     SET calls = s.calls + 1,
         tokens = s.tokens + EXCLUDED.tokens,
         cost_usd = s.cost_usd + EXCLUDED.cost_usd;
  RETURN NULL;
EXCEPTION WHEN data_exception OR not_null_violation THEN
  RETURN NULL;
END
$$;

CREATE TRIGGER keep_spend AFTER INSERT ON log.event FOR EACH ROW
  WHEN (NEW.type = 'model_call.ended')
  EXECUTE FUNCTION log.keep_spend();

REVOKE ALL ON FUNCTION log.keep_spend FROM PUBLIC;

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'agent') THEN
    GRANT SELECT, INSERT, UPDATE ON log.spend TO agent;
  END IF;
END
$$;
