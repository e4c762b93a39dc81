-- migrate:up
-- The same with what is held read before what is spent: the end of a call, which takes no
-- lock of ours, moves money from the one to the other, and whoever read them the other way
-- round saw it in neither. Now it may be seen in both, for a moment.

SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

CREATE OR REPLACE FUNCTION log.reserve(
  _project uuid, _owner uuid, _wanted double precision,
  _user_day double precision, _day double precision, _ttl interval,
  OUT own double precision, OUT everybody double precision, OUT granted double precision
) LANGUAGE plpgsql AS $$
DECLARE
  _own_held double precision;
  _held double precision;
BEGIN
  PERFORM pg_advisory_xact_lock(7004, 0);
  DELETE FROM log.reservation r
   WHERE r.project_id = _project OR r.until <= clock_timestamp();
  SELECT coalesce(sum(r.usd) FILTER (WHERE r.owner_id = _owner), 0),
         coalesce(sum(r.usd), 0)
    INTO _own_held, _held
    FROM log.reservation r;
  SELECT coalesce(sum(s.cost_usd) FILTER (WHERE s.owner_id = _owner), 0),
         coalesce(sum(s.cost_usd), 0)
    INTO own, everybody
    FROM log.spend s
   WHERE s.day = (clock_timestamp() AT TIME ZONE 'UTC')::date;
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
