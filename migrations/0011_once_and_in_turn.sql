-- migrate:up
-- Answers that are given again may be as large as a file in JSON. And webhooks take
-- turns: each one's deliveries are found by when they are due, without looking through
-- those of the others.

SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- Every row has passed the narrower check, and rows live for a day.
-- squawk-ignore ban-drop-constraint -- a wider one takes its place
ALTER TABLE identity.answered DROP CONSTRAINT answered_answer_check;
ALTER TABLE identity.answered ADD CONSTRAINT answered_answer_fits
  CHECK (octet_length(answer) <= 9 * 1024 * 1024) NOT VALID;

-- squawk-ignore require-concurrent-index-creation -- few deliveries are pending
CREATE INDEX delivery_turn ON hooks.delivery (webhook_id, due_at, id)
  WHERE state = 'pending';
-- squawk-ignore require-concurrent-index-deletion -- it takes no time
DROP INDEX hooks.delivery_due;
