-- What an order comes to by Shopify's word, in the shop's own currency: so it is found before anything stands in the ledger.
ALTER TABLE orders ADD COLUMN total TEXT;
ALTER TABLE orders ADD COLUMN total_currency TEXT;
CREATE INDEX orders_by_total ON orders (total);

-- Two connections may keep the same order: a list goes on behind one of them.
DROP INDEX orders_by_change;
CREATE INDEX orders_by_change ON orders (updated_at, order_id, connection);

-- A rate that moved is told once for each document and transaction: as it was written down last.
DROP VIEW fx_drift;
CREATE VIEW fx_drift AS
SELECT connection, order_id, document_key, "before" AS booked, "after" AS moved, at
FROM adjustments AS a WHERE rule = 'fx_drift' AND NOT ("before" = '' AND "after" = '') AND NOT EXISTS (
    SELECT 1 FROM adjustments AS later WHERE later.connection = a.connection AND later.order_id = a.order_id
        AND later.document_key = a.document_key AND later.field = a.field AND later.rule = 'fx_drift'
        AND later.rowid > a.rowid);
