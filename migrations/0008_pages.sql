-- The orders of one connection, newest change first.
CREATE INDEX orders_by_connection ON orders (connection, updated_at, order_id);
-- What there was, newest first.
CREATE INDEX alerts_by_time ON alerts (at);
CREATE INDEX reconciliations_by_time ON reconciliations (started_at);
