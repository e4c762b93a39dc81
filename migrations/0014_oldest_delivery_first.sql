-- migrate:up
-- What is due longest is looked at first, whatever its webhook: one step in this index for
-- each delivery, where the other one takes a step for each webhook that has any.

SET LOCAL lock_timeout = '5s';
SET LOCAL statement_timeout = '60s';

-- squawk-ignore require-concurrent-index-creation -- few deliveries are pending
CREATE INDEX delivery_due ON hooks.delivery (due_at) WHERE state = 'pending';
-- squawk-ignore require-concurrent-index-deletion -- it takes no time
DROP INDEX hooks.delivery_turn;
