//! Deliveries that were turned away, counted by minute. Whoever sends them has shown nothing: the shops of the settings are
//! told apart and all others are one, so that neither the table nor what people are told grows with what strangers write.

use std::collections::BTreeMap;

use crate::config::Connection;
use crate::platform::Statement;

/// What every shop is called that no connection names.
pub const ANOTHER_SHOP: &str = "another shop";

/// What has gathered and waits to be written, by minute, shop and kind: in a minute at most a row for each kind and each
/// shop of the settings, and one more for each kind.
#[derive(Default)]
pub struct Refusals(BTreeMap<(String, String, &'static str), i64>);

impl Refusals {
    /// None yet.
    pub const fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Counts one of a shop that is named by whoever sends. Returns true if nothing waited before it.
    pub fn count(&mut self, all: &[Connection], minute: String, shop: &str, kind: &'static str) -> bool {
        let is_first = self.0.is_empty();
        let named = all.iter().find(|one| one.shop == shop).map_or(ANOTHER_SHOP, |one| &one.shop);
        *self.0.entry((minute, named.to_owned(), kind)).or_insert(0) += 1;
        is_first
    }

    /// What waits, to be written: then nothing waits any more.
    pub fn take(&mut self) -> Vec<Statement> {
        let row = |((minute, shop, kind), count): ((String, String, &'static str), i64)| Statement {
            sql: "INSERT INTO refusals (minute, shop, kind, count) VALUES (?, ?, ?, ?)
                  ON CONFLICT (minute, shop, kind) DO UPDATE SET count = count + excluded.count"
                .into(),
            params: vec![minute.into(), shop.into(), kind.into(), count.into()],
        };
        std::mem::take(&mut self.0).into_iter().map(row).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::{Variables, connections};

    #[test]
    fn names_that_strangers_invent_are_one_and_the_shops_of_the_settings_are_told_apart() {
        let shop = |name: &str| json!({"shop": name, "ledger": "xero", "number_prefix": "A-"});
        let variables = [("CONNECTION_A", shop("a.myshopify.com")), ("CONNECTION_B", shop("b.myshopify.com"))]
            .map(|(key, value)| (key.to_owned(), value));
        let all = connections(&Variables::from(variables));
        let mut refusals = Refusals::new();
        let mut count = |shop: &str| refusals.count(&all, "2026-11-20T12:00:00Z".into(), shop, "bad_signature");
        assert!(count("x.myshopify.com") && !count("a.myshopify.com"));
        for n in 0..10_000 {
            count(&format!("<b>{n}</b>.myshopify.com"));
        }
        for _ in 0..9 {
            count("a.myshopify.com");
        }
        let rows: Vec<_> = refusals.take().into_iter().map(|row| row.params[1..].to_vec()).collect();
        let row = |shop: &str, count: i64| vec![shop.into(), "bad_signature".into(), count.into()];
        assert_eq!(rows, [row("a.myshopify.com", 10), row(ANOTHER_SHOP, 10_001)]);
        assert!(refusals.take().is_empty());
    }
}
