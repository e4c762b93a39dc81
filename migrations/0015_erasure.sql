-- migrate:up
-- What was recorded of a deleted project is erased, some time after its end: so that all
-- who follow have heard of it. What is left is one event, `project.erased`, whose version
-- follows the last one: an append on any earlier state is refused, and so is the id.

SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '600s';  -- one look through the log, which blocks nobody

-- Projects that are deleted and not erased yet.
CREATE TABLE log.deletion (
  project_id uuid PRIMARY KEY,
  at         timestamptz NOT NULL
);
INSERT INTO log.deletion (project_id, at)
SELECT project_id, at FROM log.event WHERE type = 'project.deleted';

CREATE FUNCTION log.note_deletion() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO log.deletion (project_id, at) VALUES (NEW.project_id, NEW.at)
  ON CONFLICT DO NOTHING;
  RETURN NULL;
END
$$;

CREATE TRIGGER note_deletion AFTER INSERT ON log.event FOR EACH ROW
  WHEN (NEW.type = 'project.deleted')
  EXECUTE FUNCTION log.note_deletion();

-- Nobody, not even the owner of the table, takes an event out of a stream that goes on.
CREATE FUNCTION log.refuse_deletion() RETURNS trigger LANGUAGE plpgsql
  SET search_path = pg_catalog
  AS $$
BEGIN
  IF EXISTS (
    SELECT FROM (SELECT DISTINCT g.project_id FROM gone g) AS p
     WHERE coalesce((SELECT e.type FROM log.event e WHERE e.project_id = p.project_id
                      ORDER BY e.seq DESC LIMIT 1), '')
           NOT IN ('project.deleted', 'project.erased'))
  THEN
    RAISE EXCEPTION 'log.% is append only', TG_TABLE_NAME USING ERRCODE = '42501';
  END IF;
  RETURN NULL;
END
$$;

DROP TRIGGER append_only ON log.event;
CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON log.event
  FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_change();
CREATE TRIGGER append_only_but_erased AFTER DELETE ON log.event
  REFERENCING OLD TABLE AS gone
  FOR EACH STATEMENT EXECUTE FUNCTION log.refuse_deletion();

-- The last event of an erased project is written by the function below alone.
CREATE FUNCTION log.refuse_tombstone() RETURNS trigger LANGUAGE plpgsql
  SET search_path = pg_catalog
  AS $$
BEGIN
  IF current_user <> (
    SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = TG_RELID)
  THEN
    RAISE EXCEPTION 'log.erase alone erases' USING ERRCODE = '42501';
  END IF;
  RETURN NEW;
END
$$;

CREATE TRIGGER erased_by_function BEFORE INSERT ON log.event FOR EACH ROW
  WHEN (NEW.type = 'project.erased')
  EXECUTE FUNCTION log.refuse_tombstone();

-- Erases a project that was deleted longer than `_grace` ago, if that was published; and
-- leaves `_tombstone`. False: it is not time, or somebody else is at it or was.
--
-- One transaction: nobody sees a part. The lock of the shard, without which no position
-- is drawn, is taken when the work is done, so that nobody waits for it.
CREATE FUNCTION log.erase(
  _project uuid, _grace interval, _tombstone bytea
) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = pg_catalog, pg_temp
  AS $$
DECLARE
  _end log.event;
BEGIN
  PERFORM 1 FROM log.deletion d
    WHERE d.project_id = _project FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN
    RETURN false;
  END IF;
  SELECT e.* INTO _end FROM log.event e
   WHERE e.project_id = _project ORDER BY e.seq DESC LIMIT 1;
  IF _end.type = 'project.deleted'
    AND _end.at <= clock_timestamp() - greatest(_grace, interval '0')
    AND _end.position <= (
      SELECT c.position FROM log.relay_checkpoint c WHERE c.shard = _end.shard)
  THEN
    DELETE FROM log.event e WHERE e.project_id = _project AND e.seq < _end.seq;
    DELETE FROM log.command c WHERE c.project_id = _project;
    DELETE FROM log.snapshot s WHERE s.project_id = _project;
    DELETE FROM log.lease l WHERE l.project_id = _project;
    DELETE FROM log.work w WHERE w.project_id = _project;
    DELETE FROM log.reservation r WHERE r.project_id = _project;
    DELETE FROM log.deletion d WHERE d.project_id = _project;
    PERFORM pg_advisory_xact_lock(7001, _end.shard);
    INSERT INTO log.event (shard, project_id, seq, id, type, data)
    VALUES (_end.shard, _project, _end.seq + 1, gen_random_uuid(), 'project.erased',
            _tombstone);
    DELETE FROM log.event e WHERE e.project_id = _project AND e.seq = _end.seq;
    RETURN true;
  END IF;
  RETURN false;
END
$$;

REVOKE ALL ON FUNCTION
  log.note_deletion, log.refuse_deletion, log.refuse_tombstone, log.erase FROM PUBLIC;

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'agent') THEN
    GRANT SELECT, INSERT ON log.deletion TO agent;
    GRANT EXECUTE ON FUNCTION log.erase TO agent;
  END IF;
END
$$;
