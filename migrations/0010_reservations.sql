-- migrate:up
-- What calls under way may still cost, so that runs side by side cannot each spend the
-- same rest of a day's limit; and what stopped calls had cost, told after their end.

SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

CREATE TABLE log.reservation (
  project_id uuid PRIMARY KEY,
  owner_id   uuid NOT NULL,
  usd        double precision NOT NULL,
  until      timestamptz NOT NULL  -- should nobody ever record the end of the call
);

-- Returns what was spent today, by the owner and by all, and what the call may cost: all
-- that is wanted, or the rest of the day where nobody else holds some of it, or 0: ask
-- again when calls of others have ended. One at a time decides.
CREATE FUNCTION log.reserve(
  _project uuid, _owner uuid, _wanted double precision,
  _user_day double precision, _day double precision, _ttl interval,
  OUT own double precision, OUT everybody double precision, OUT granted double precision
) LANGUAGE plpgsql AS $$
DECLARE
  _own_held double precision;
  _held double precision;
BEGIN
  PERFORM pg_advisory_xact_lock(7003, 0);
  DELETE FROM log.reservation r
   WHERE r.project_id = _project OR r.until <= clock_timestamp();
  SELECT coalesce(sum(s.cost_usd) FILTER (WHERE s.owner_id = _owner), 0),
         coalesce(sum(s.cost_usd), 0)
    INTO own, everybody
    FROM log.spend s
   WHERE s.day = (clock_timestamp() AT TIME ZONE 'UTC')::date;
  SELECT coalesce(sum(r.usd) FILTER (WHERE r.owner_id = _owner), 0),
         coalesce(sum(r.usd), 0)
    INTO _own_held, _held
    FROM log.reservation r;
  granted := least(_wanted, _user_day - own - _own_held, _day - everybody - _held);
  IF granted < _wanted AND (
    (_own_held > 0 AND _user_day - own - _own_held < _wanted)
    OR (_held > 0 AND _day - everybody - _held < _wanted)
  ) THEN
    granted := 0;
  END IF;
  granted := greatest(granted, 0);
  IF granted > 0 THEN
    INSERT INTO log.reservation (project_id, owner_id, usd, until)
    VALUES (_project, _owner, granted, clock_timestamp() + _ttl);
  END IF;
END
$$;

-- Whoever records the end of a call, its cost replaces what was held for it.
CREATE FUNCTION log.end_reservation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM log.reservation r WHERE r.project_id = NEW.project_id;
  RETURN NULL;
END
$$;

CREATE TRIGGER end_reservation AFTER INSERT ON log.event FOR EACH ROW
  WHEN (NEW.type = 'model_call.ended')
  EXECUTE FUNCTION log.end_reservation();

-- More of a call that is counted already: all but the number of calls.
CREATE FUNCTION log.keep_counted() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  _usage jsonb;
BEGIN
  _usage := (convert_from(NEW.data, 'UTF8')::jsonb) -> 'usage';
  INSERT INTO log.spend AS s (day, owner_id, calls, tokens, cost_usd)
  SELECT (NEW.at AT TIME ZONE 'UTC')::date,
         ((convert_from(e.data, 'UTF8')::jsonb) ->> 'owner_id')::uuid,
         0,
         coalesce((_usage ->> 'prompt_tokens')::bigint, 0)
           + coalesce((_usage ->> 'completion_tokens')::bigint, 0),
         coalesce((_usage ->> 'cost_usd')::double precision, 0)
    FROM log.event e
   WHERE e.project_id = NEW.project_id AND e.seq = 1
  ON CONFLICT (day, owner_id) DO UPDATE
     SET tokens = s.tokens + EXCLUDED.tokens,
         cost_usd = s.cost_usd + EXCLUDED.cost_usd;
  RETURN NULL;
EXCEPTION WHEN data_exception OR not_null_violation THEN
  RETURN NULL;
END
$$;

CREATE TRIGGER keep_counted AFTER INSERT ON log.event FOR EACH ROW
  WHEN (NEW.type = 'model_call.counted')
  EXECUTE FUNCTION log.keep_counted();

REVOKE ALL ON FUNCTION log.reserve, log.end_reservation, log.keep_counted FROM PUBLIC;

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'agent') THEN
    GRANT SELECT, INSERT, UPDATE, DELETE ON log.reservation TO agent;
    GRANT EXECUTE ON FUNCTION log.reserve TO agent;
  END IF;
END
$$;
