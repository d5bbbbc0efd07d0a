-- Also what a person should know although nothing waits: such an order is synced or ignored, and has a remedy.

DROP VIEW needs_attention;
CREATE VIEW needs_attention AS
SELECT connection, order_id, name, state, reason, remedy, attempts, first_seen_at, updated_at, next_attempt_at
FROM orders
WHERE state = 'held'
    OR (state IN ('synced', 'ignored') AND remedy IS NOT NULL)
    OR (state = 'retrying' AND julianday('now') - julianday(coalesce(retrying_since, first_seen_at)) > 1.0 / 24);
