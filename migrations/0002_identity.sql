-- migrate:up
-- Accounts and login sessions, owned by the api.
--
-- A row is visible only to whoever names its key inside the transaction, with
-- set_config(..., true): the signed-in user, the address that signs in, or the digest of
-- the session's token. A query that forgets its WHERE finds nothing it was not asked for.

SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

CREATE SCHEMA identity;

CREATE TABLE identity.account (
  id             uuid PRIMARY KEY,
  email          text NOT NULL UNIQUE
                 CHECK (email = lower(email) AND octet_length(email) <= 254),
  name           text NOT NULL CHECK (octet_length(name) <= 1024),
  image          text CHECK (octet_length(image) <= 2048),
  email_verified boolean NOT NULL DEFAULT false,
  password_hash  text NOT NULL,
  created_at     timestamptz NOT NULL,
  updated_at     timestamptz NOT NULL
);

CREATE TABLE identity.session (
  id           uuid PRIMARY KEY,
  account_id   uuid NOT NULL REFERENCES identity.account (id) ON DELETE CASCADE,
  token_sha256 bytea NOT NULL UNIQUE CHECK (octet_length(token_sha256) = 32),
  remembered   boolean NOT NULL,
  ip_address   text NOT NULL CHECK (octet_length(ip_address) <= 64),
  user_agent   text NOT NULL CHECK (octet_length(user_agent) <= 1024),
  created_at   timestamptz NOT NULL,
  updated_at   timestamptz NOT NULL,
  expires_at   timestamptz NOT NULL
);
-- squawk-ignore require-concurrent-index-creation -- the table is new
CREATE INDEX session_account ON identity.session (account_id);

ALTER TABLE identity.account ENABLE ROW LEVEL SECURITY;
ALTER TABLE identity.account FORCE ROW LEVEL SECURITY;
ALTER TABLE identity.session ENABLE ROW LEVEL SECURITY;
ALTER TABLE identity.session FORCE ROW LEVEL SECURITY;

-- A setting that was local to a transaction is empty after it, not unset.
CREATE POLICY own_account ON identity.account
  USING (
    id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid)
    OR email = (SELECT nullif(current_setting('app.email', true), ''))
  );

CREATE POLICY own_sessions ON identity.session
  USING (
    account_id = (SELECT nullif(current_setting('app.user_id', true), '')::uuid)
    OR token_sha256
      = (SELECT decode(nullif(current_setting('app.session', true), ''), 'hex'))
  );

DO $$
BEGIN
  IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'api') THEN
    GRANT USAGE ON SCHEMA identity TO api;
    GRANT SELECT, INSERT, UPDATE, DELETE ON identity.account, identity.session TO api;
  END IF;
END
$$;
