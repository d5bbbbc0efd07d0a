//! The door for deliveries.

use crate::config::{Connection, Variables, left_secrets, webhook_secrets};
use crate::shopify::signature::is_genuine;

/// The largest body that is read: Shopify's own bodies reach a megabyte, no limit is documented (facts/shopify §1.3).
pub const MOST_BYTES: usize = 10 * 1024 * 1024;

/// What a delivery may do.
#[derive(Debug, Clone)]
pub enum Admission {
    /// It is genuine, and for these connections.
    Accepted(Vec<Connection>),
    /// Nobody who knows this shop's secret signed it.
    Forged,
    /// It is genuine, but no connection is for its shop.
    UnknownShop,
    /// Whoever signed it knows the secret of a connection that the settings name no more: which one, or any where none is
    /// left. It may ask to erase what that connection left behind, and nothing else.
    Left(Option<String>),
    /// No webhook secret is configured for the shop: nothing can be verified.
    NotConfigured,
}

/// Decides about a delivery by its claimed shop, raw body and signature. A shop's delivery counts only with that shop's
/// own secrets; for an unknown shop any configured secret tells a misdirected delivery from a forged one.
pub fn admit(variables: &Variables, all: &[Connection], shop: &str, body: &[u8], signature: &str) -> Admission {
    let of_shop: Vec<&Connection> = all.iter().filter(|one| !shop.is_empty() && one.shop == shop).collect();
    if of_shop.is_empty() {
        let mut left = left_secrets(variables, all).into_iter();
        if let Some((id, _)) = left.find(|(_, secret)| is_genuine(std::slice::from_ref(secret), body, signature)) {
            return Admission::Left(id);
        }
        let known = all.iter().any(|one| is_genuine(&webhook_secrets(variables, all, &one.shop), body, signature));
        return if known { Admission::UnknownShop } else { Admission::Forged };
    }
    let secrets = webhook_secrets(variables, all, shop);
    if secrets.is_empty() {
        return Admission::NotConfigured;
    }
    if is_genuine(&secrets, body, signature) {
        Admission::Accepted(of_shop.into_iter().cloned().collect())
    } else {
        Admission::Forged
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::connections;
    use base64::Engine;
    use hmac::{Hmac, KeyInit, Mac};
    use serde_json::json;
    use std::collections::BTreeMap;

    fn sign(secret: &str, body: &[u8]) -> String {
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(body);
        base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes())
    }

    fn shop(name: &str, prefix: &str) -> serde_json::Value {
        json!({"shop": name, "ledger": "xero", "number_prefix": prefix, "start_date": "2026-01-01", "no_tax": "NONE",
            "lines": {"sales": "200"}, "payments": {"default": "090"}})
    }

    fn verdict(variables: &Variables, shop: &str, secret: &str) -> &'static str {
        match admit(variables, &connections(variables), shop, b"{}", &sign(secret, b"{}")) {
            Admission::Accepted(_) => "accepted",
            Admission::Forged => "forged",
            Admission::UnknownShop => "unknown shop",
            Admission::Left(Some(_)) => "left",
            Admission::Left(None) => "left by any",
            Admission::NotConfigured => "not configured",
        }
    }

    #[test]
    fn a_shop_is_believed_only_with_its_own_secret() {
        let variables = BTreeMap::from([
            ("CONNECTION_A".to_owned(), shop("a.myshopify.com", "A-")),
            ("CONNECTION_B".to_owned(), shop("b.myshopify.com", "B-")),
            ("SHOPIFY_WEBHOOK_SECRETS_A".to_owned(), json!("secret-a")),
            ("SHOPIFY_WEBHOOK_SECRETS_B".to_owned(), json!("secret-b, old-b")),
        ]);
        assert_eq!(verdict(&variables, "a.myshopify.com", "secret-a"), "accepted");
        assert_eq!(verdict(&variables, "b.myshopify.com", "old-b"), "accepted");
        assert_eq!(verdict(&variables, "a.myshopify.com", "secret-b"), "forged");
        assert_eq!(verdict(&variables, "c.myshopify.com", "secret-b"), "unknown shop");
        assert_eq!(verdict(&variables, "c.myshopify.com", "guess"), "forged");
        assert_eq!(verdict(&variables, "", "guess"), "forged");
    }

    #[test]
    fn what_one_of_a_shops_connections_gets_all_of_them_get() {
        let mut variables = BTreeMap::from([
            ("CONNECTION_A".to_owned(), shop("a.myshopify.com", "A-")),
            ("CONNECTION_A2".to_owned(), shop("a.myshopify.com", "A2-")),
            ("CONNECTION_B".to_owned(), shop("b.myshopify.com", "B-")),
            ("SHOPIFY_WEBHOOK_SECRETS_A".to_owned(), json!("new, old")),
            ("SHOPIFY_WEBHOOK_SECRETS_B".to_owned(), json!("secret-b")),
        ]);
        for only_old in [json!(""), json!("old")] {
            variables.insert("SHOPIFY_WEBHOOK_SECRETS_A2".to_owned(), only_old);
            for secret in ["new", "old"] {
                let all = connections(&variables);
                let admission = admit(&variables, &all, "a.myshopify.com", b"{}", &sign(secret, b"{}"));
                let Admission::Accepted(all) = admission else { panic!("{admission:?}") };
                assert_eq!(all.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["a", "a2"]);
            }
        }
        assert_eq!(verdict(&variables, "a.myshopify.com", "secret-b"), "forged");
    }

    #[test]
    fn the_secret_of_a_connection_that_is_gone_speaks_for_what_it_left_behind_only() {
        let mut variables = BTreeMap::from([
            ("CONNECTION_A".to_owned(), shop("a.myshopify.com", "A-")),
            ("SHOPIFY_WEBHOOK_SECRETS".to_owned(), json!("secret-a")),
            ("SHOPIFY_WEBHOOK_SECRETS_B".to_owned(), json!("secret-b, old-b")),
        ]);
        assert_eq!(verdict(&variables, "b.myshopify.com", "old-b"), "left");
        assert_eq!(verdict(&variables, "b.myshopify.com", "secret-a"), "unknown shop");
        assert_eq!(verdict(&variables, "b.myshopify.com", "guess"), "forged");
        assert_eq!(verdict(&variables, "a.myshopify.com", "secret-b"), "forged", "a shop that is there has its own");
        variables.remove("CONNECTION_A");
        assert_eq!(verdict(&variables, "a.myshopify.com", "secret-a"), "left by any");
        assert_eq!(verdict(&variables, "a.myshopify.com", ""), "forged");
    }

    #[test]
    fn without_any_secret_nothing_is_accepted() {
        let variables = BTreeMap::from([("CONNECTION_A".to_owned(), shop("a.myshopify.com", "A-"))]);
        assert_eq!(verdict(&variables, "a.myshopify.com", ""), "not configured");
    }
}
