-- migrate:up
-- What comes with accounts: administrators, invitations, API tokens, sign-in elsewhere,
-- and answers that are given again. Owned by the api.
--
-- As before a row is visible only to whoever names its key inside the transaction. An
-- administrator names itself as `app.administrator`, and is believed when it is in the
-- table that only sign-up and this file fill.

SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- Nobody's password: who signs in elsewhere has none.
-- squawk-ignore ban-drop-not-null -- the api is the only client
ALTER TABLE identity.account ALTER COLUMN password_hash DROP NOT NULL;
ALTER TABLE identity.account ADD COLUMN disabled_at timestamptz;

-- What holds for all: one row. Claiming it makes the first account the administrator's,
-- and its lock lets only one of two be the first.
CREATE TABLE identity.installation (
  single     boolean PRIMARY KEY DEFAULT true CHECK (single),
  claimed_by uuid,
  sign_up    text CHECK (sign_up IN ('open', 'invite', 'closed'))
);
INSERT INTO identity.installation (claimed_by)
SELECT (SELECT id FROM identity.account ORDER BY created_at, id LIMIT 1);

CREATE TABLE identity.administrator (
  account_id uuid PRIMARY KEY REFERENCES identity.account (id) ON DELETE CASCADE
);
INSERT INTO identity.administrator
SELECT claimed_by FROM identity.installation WHERE claimed_by IS NOT NULL;

CREATE TABLE identity.invitation (
  id          uuid PRIMARY KEY,
  code_sha256 bytea NOT NULL UNIQUE CHECK (octet_length(code_sha256) = 32),
  email       text CHECK (email = lower(email) AND octet_length(email) <= 254),
  created_by  uuid NOT NULL REFERENCES identity.account (id) ON DELETE CASCADE,
  created_at  timestamptz NOT NULL,
  expires_at  timestamptz NOT NULL,
  used_by     uuid
);
-- squawk-ignore require-concurrent-index-creation -- the table is new
CREATE INDEX invitation_creator ON identity.invitation (created_by);

CREATE TABLE identity.api_token (
  id           uuid PRIMARY KEY,
  account_id   uuid NOT NULL REFERENCES identity.account (id) ON DELETE CASCADE,
  token_sha256 bytea NOT NULL UNIQUE CHECK (octet_length(token_sha256) = 32),
  name         text NOT NULL CHECK (octet_length(name) <= 400),
  scopes       text[] NOT NULL CHECK (cardinality(scopes) BETWEEN 1 AND 10),
  created_at   timestamptz NOT NULL,
  expires_at   timestamptz,
  last_used_at timestamptz
);
-- squawk-ignore require-concurrent-index-creation -- the table is new
CREATE INDEX api_token_account ON identity.api_token (account_id, created_at);

-- Whom an issuer means by a subject (OpenID Connect).
CREATE TABLE identity.external_login (
  issuer     text NOT NULL CHECK (octet_length(issuer) <= 1024),
  subject    text NOT NULL CHECK (octet_length(subject) <= 1024),
  account_id uuid NOT NULL REFERENCES identity.account (id) ON DELETE CASCADE,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (issuer, subject)
);
-- squawk-ignore require-concurrent-index-creation -- the table is new
CREATE INDEX external_login_account ON identity.external_login (account_id);

-- Requests with an Idempotency-Key, by a keyed digest of all that makes them the same.
-- The answer is encrypted with a key that is not in the database: some show secrets.
CREATE TABLE identity.answered (
  request bytea PRIMARY KEY CHECK (octet_length(request) = 32),
  answer  bytea CHECK (octet_length(answer) <= 131072),  -- null while it is made
  at      timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- squawk-ignore require-concurrent-index-creation -- the table is new
CREATE INDEX answered_at ON identity.answered (at);

DO $$
DECLARE
  _table text;
BEGIN
  FOREACH _table IN ARRAY ARRAY[
    'invitation', 'api_token', 'external_login', 'answered']
  LOOP
    EXECUTE format('ALTER TABLE identity.%I ENABLE ROW LEVEL SECURITY', _table);
    EXECUTE format('ALTER TABLE identity.%I FORCE ROW LEVEL SECURITY', _table);
  END LOOP;
END
$$;

-- True for whoever names itself as an administrator, and is one.
CREATE FUNCTION identity.administers() RETURNS boolean LANGUAGE sql STABLE
  SET search_path = pg_catalog
  AS $$
  SELECT EXISTS (
    SELECT FROM identity.administrator a
     WHERE a.account_id = nullif(current_setting('app.administrator', true), '')::uuid)
$$;
REVOKE ALL ON FUNCTION identity.administers() FROM PUBLIC;

CREATE POLICY all_accounts ON identity.account
  USING ((SELECT identity.administers()));
CREATE POLICY all_sessions ON identity.session
  USING ((SELECT identity.administers()));
CREATE POLICY all_invitations ON identity.invitation
  USING ((SELECT identity.administers()));
CREATE POLICY named_invitation ON identity.invitation
  USING (
    code_sha256 = (SELECT decode(nullif(current_setting('app.code', true), ''), 'hex'))
    OR email = (SELECT nullif(current_setting('app.invited', true), ''))
  );
CREATE POLICY own_tokens ON identity.api_token
  USING (
    account_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid)
    OR token_sha256
      = (SELECT decode(nullif(current_setting('app.token', true), ''), 'hex'))
  );
CREATE POLICY named_login ON identity.external_login
  USING (
    account_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid)
    OR (issuer = (SELECT nullif(current_setting('app.issuer', true), ''))
        AND subject = (SELECT nullif(current_setting('app.subject', true), '')))
  );
CREATE POLICY same_request ON identity.answered
  USING (
    request = (SELECT decode(nullif(current_setting('app.request', true), ''), 'hex'))
  );
CREATE POLICY too_old ON identity.answered FOR DELETE
  USING (at < now() - interval '1 day');
CREATE POLICY too_old_to_see ON identity.answered FOR SELECT
  USING (at < now() - interval '1 day');

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'api') THEN
    GRANT EXECUTE ON FUNCTION identity.administers TO api;
    GRANT SELECT, UPDATE ON identity.installation TO api;
    GRANT SELECT, INSERT, DELETE ON identity.administrator TO api;
    GRANT SELECT, INSERT, UPDATE, DELETE
      ON identity.invitation, identity.api_token, identity.external_login,
         identity.answered
      TO api;
  END IF;
END
$$;
