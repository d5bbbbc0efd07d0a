-- The orders of one connection, and those of them that stand so, newest change first; and those that wait for one reason.
CREATE INDEX orders_by_connection ON orders (connection, updated_at, order_id);
CREATE INDEX orders_by_standing ON orders (connection, state, updated_at, order_id);
DROP INDEX orders_by_reason;
CREATE INDEX orders_by_reason ON orders (state, connection, reason, updated_at, order_id);
-- What there was, newest first.
CREATE INDEX alerts_by_time ON alerts (at);
CREATE INDEX reconciliations_by_time ON reconciliations (started_at);
