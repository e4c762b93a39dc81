-- migrate:up
-- The event log of projects: the only truth of the system. The agent owns it.
--
-- Events are appended and read, never changed. One advisory lock per shard (7001, shard)
-- is held from before a position is drawn until the commit, so that positions rise in
-- the order of commits and `position > last` misses nothing.
--
-- A project's version is an int, because 50,000 events are a lot for one, and a shard a
-- smallint, because it keys locks of two ints:
-- squawk-ignore-file prefer-bigint-over-int, prefer-bigint-over-smallint

SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

CREATE SCHEMA log;

-- Tells this log from every other one, so that a relay never goes on with a stream that
-- was filled from another database.
CREATE TABLE log.identity (
  single boolean PRIMARY KEY DEFAULT true CHECK (single),
  id     uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO log.identity DEFAULT VALUES;

CREATE TABLE log.event (
  position   bigint GENERATED ALWAYS AS IDENTITY,  -- order of commits in a shard; sparse
  shard      smallint NOT NULL,                    -- that of the project's first event
  project_id uuid NOT NULL,
  seq        integer NOT NULL CHECK (seq > 0),     -- dense: 1, 2, 3, ...
  id         uuid NOT NULL,
  type       text NOT NULL CHECK (octet_length(type) <= 100),
  data       bytea NOT NULL CHECK (octet_length(data) <= 8000000),  -- the event's JSON
  meta       bytea CHECK (octet_length(meta) <= 65536),             -- JSON: actor, cause
  epoch      bigint,                               -- null where no driver wrote it
  at         timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (project_id, seq),
  CONSTRAINT event_shard_position UNIQUE (shard, position)
);

-- Answers to commands; a rejection is an answer without events.
CREATE TABLE log.command (
  project_id uuid NOT NULL,
  id         uuid NOT NULL,
  answer     bytea NOT NULL CHECK (octet_length(answer) <= 8000000),
  at         timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (project_id, id)
);

-- Who drives a project's run. The epoch is the fencing token and only ever grows.
CREATE TABLE log.lease (
  project_id uuid PRIMARY KEY,
  owner      text NOT NULL,
  epoch      bigint NOT NULL,
  until      timestamptz NOT NULL
);

-- Folded states: an optimisation. Deleting all of them changes nothing.
CREATE TABLE log.snapshot (
  project_id uuid PRIMARY KEY,
  seq        integer NOT NULL,
  schema     text NOT NULL,
  state      bytea NOT NULL,
  at         timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Projects with a run that is not over, so that no driver has to scan the log for one.
CREATE TABLE log.work (
  project_id uuid PRIMARY KEY,
  since      timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Where a shard's relay was; read only when all messages of its stream have expired.
CREATE TABLE log.relay_checkpoint (
  shard          smallint PRIMARY KEY,
  stream_created text NOT NULL,
  last_seq       bigint NOT NULL,
  position       bigint NOT NULL,
  at             timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE FUNCTION log.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'log.% is append only', TG_TABLE_NAME USING ERRCODE = '42501';
END
$$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log.event
  FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();

CREATE FUNCTION log.keep_work() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.type = 'run.started' THEN
    INSERT INTO log.work (project_id) VALUES (NEW.project_id) ON CONFLICT DO NOTHING;
  ELSE
    DELETE FROM log.work w WHERE w.project_id = NEW.project_id;
  END IF;
  RETURN NULL;
END
$$;

CREATE TRIGGER keep_work AFTER INSERT ON log.event FOR EACH ROW
  WHEN (NEW.type IN (
    'run.started', 'run.completed', 'run.failed', 'run.stopped', 'project.deleted'))
  EXECUTE FUNCTION log.keep_work();

-- An event on its way into the log.
CREATE TYPE log.new_event AS (
  project_id uuid,
  expected   integer,  -- version that the append was decided on
  seq        integer,
  epoch      bigint,   -- null where no driver appends
  command    uuid,     -- null where the append answers none
  id         uuid,
  type       text,
  data       bytea,
  meta       bytea
);

-- An answer on its way: stored if the event is, or without one.
CREATE TYPE log.new_answer AS (
  project_id uuid,
  command    uuid,
  seq        integer,
  event_id   uuid,     -- null for a rejection
  answer     bytea
);

-- Adds all waiting appends of a process, at most one of each project. Returns the
-- projects whose append was refused; the others are stored all the same.
--
-- The lock is a statement of its own: the next one then takes its snapshot with the lock
-- held, and a conflict is a row that is not stored, not an error that aborts all. For
-- the same reason the isolation level must be READ COMMITTED. The probes are scalar
-- subqueries because [NOT] EXISTS becomes a join, whose plan, cached while the table was
-- small, hashes the whole log at each call. The first one finds the stream's version by
-- one step back from its end. All rows of an append look at the same keys, so that they
-- pass or fail together.
CREATE FUNCTION log.append(
  _shard smallint, _events log.new_event[], _answers log.new_answer[]
) RETURNS SETOF uuid LANGUAGE plpgsql AS $$
DECLARE
  _stored integer;
BEGIN
  PERFORM pg_advisory_xact_lock(7001, _shard);
  INSERT INTO log.event (shard, project_id, seq, id, type, data, meta, epoch)
  SELECT _shard, n.p, n.v, n.i, n.t, n.d, n.m, n.f
    FROM unnest(_events) WITH ORDINALITY AS n(p, e, v, f, c, i, t, d, m, o)
   WHERE coalesce((SELECT x.seq FROM log.event x
           WHERE x.project_id = n.p AND x.seq >= n.e ORDER BY x.seq DESC LIMIT 1), 0) = n.e
     AND (n.f IS NULL OR (SELECT l.epoch FROM log.lease l
           WHERE l.project_id = n.p) = n.f)
     AND (n.c IS NULL OR (SELECT k.id FROM log.command k
           WHERE k.project_id = n.p AND k.id = n.c) IS NULL)
   ORDER BY n.o;
  GET DIAGNOSTICS _stored = ROW_COUNT;
  IF cardinality(_answers) > 0 THEN
    INSERT INTO log.command (project_id, id, answer)
    SELECT a.project_id, a.command, a.answer
      FROM unnest(_answers) AS a
     WHERE a.event_id IS NULL OR (SELECT e.id FROM log.event e
             WHERE e.project_id = a.project_id AND e.seq = a.seq) = a.event_id
    ON CONFLICT DO NOTHING;
  END IF;
  IF _stored < cardinality(_events) THEN
    RETURN QUERY
      SELECT DISTINCT n.project_id FROM unnest(_events) AS n
       WHERE (SELECT e.id FROM log.event e
               WHERE e.project_id = n.project_id AND e.seq = n.seq) IS DISTINCT FROM n.id;
  END IF;
END
$$;

-- Takes a lease under a new epoch; null while somebody holds one. It takes the lock of
-- the project's shard first (that of the first event, `_shard` before there is one), so
-- that all that the old driver stored is visible to the new one and nothing of it comes
-- later: the epoch in the predicate of the append is not enough for that.
CREATE FUNCTION log.take_lease(
  _project uuid, _shard smallint, _owner text, _ttl interval
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  _epoch bigint;
BEGIN
  PERFORM 1 FROM log.lease l WHERE l.project_id = _project AND l.until > clock_timestamp();
  IF FOUND THEN
    RETURN NULL;
  END IF;
  PERFORM pg_advisory_xact_lock(7001, coalesce(
    (SELECT e.shard FROM log.event e WHERE e.project_id = _project AND e.seq = 1), _shard));
  INSERT INTO log.lease AS l (project_id, owner, epoch, until)
  VALUES (_project, _owner, 1, clock_timestamp() + _ttl)
  ON CONFLICT (project_id) DO UPDATE
    SET owner = EXCLUDED.owner, epoch = l.epoch + 1, until = clock_timestamp() + _ttl
    WHERE l.until <= clock_timestamp()
  RETURNING l.epoch INTO _epoch;
  RETURN _epoch;
END
$$;

REVOKE ALL ON SCHEMA log FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA log FROM PUBLIC;

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'agent') THEN
    GRANT USAGE ON SCHEMA log TO agent;
    GRANT SELECT ON log.identity TO agent;
    GRANT SELECT, INSERT ON log.event, log.command TO agent;
    GRANT SELECT, INSERT, UPDATE ON log.lease, log.snapshot, log.relay_checkpoint TO agent;
    GRANT SELECT, INSERT, DELETE ON log.work TO agent;
    GRANT EXECUTE ON FUNCTION log.append, log.take_lease TO agent;
    REVOKE UPDATE, DELETE, TRUNCATE ON log.event FROM agent;
  END IF;
END
$$;
