-- The orders of one connection, newest change first.
CREATE INDEX orders_by_connection ON orders (connection, updated_at, order_id);
