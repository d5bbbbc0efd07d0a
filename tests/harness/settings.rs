//! What the Worker of the bench is configured with.

use serde_json::{Value, json};

pub const SHOP: &str = "example.myshopify.com";
pub const SECRET: &str = "the-shop's-webhook-secret";
pub const ADMIN: &str = "the-admin's-secret-of-the-bench";
pub const QUICKBOOKS: &str = "1000000001";
pub const XERO: &str = "11111111-1111-4111-a111-111111111111";

/// The two connections: one shop feeding a QuickBooks company and a Xero organisation.
pub fn connections() -> Value {
    let common =
        |company: &str| json!({"shop": SHOP, "company": company, "number_prefix": "S-", "start_date": "2026-01-01"});
    let with = |mut common: Value, own: Value| {
        common.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        common
    };
    json!({
        "CONNECTION_QUICKBOOKS": with(common(QUICKBOOKS), json!({
            "ledger": "quickbooks",
            "lines": {"sales": "Sales", "shipping": "Shipping", "gift_cards": "Gift card", "rounding": "Rounding"},
            "payments": {"default": "91", "gift_card": "89"},
        })),
        "CONNECTION_XERO": with(common(XERO), json!({
            "ledger": "xero", "no_tax": "NONE",
            "lines": {"sales": "200", "shipping": "201", "gift_cards": "835", "rounding": "860"},
            "payments": {"default": "090", "gift_card": "835"},
            "taxes": [{"rate": "0.2", "code": "OUTPUT2"}, {"rate": "0.05", "code": "RROUTPUT"}],
        })),
    })
}

/// Everything: the connections, and secrets that fit the stand-ins at that address.
pub fn variables(sandbox: &str) -> Value {
    let mut all = connections();
    let secrets = json!({
        "SHOPIFY_WEBHOOK_SECRETS": SECRET,
        "ADMIN_TOKEN": ADMIN,
        "TOKEN_KEY": "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        "QUICKBOOKS_CLIENT_ID": "sandbox-quickbooks",
        "QUICKBOOKS_CLIENT_SECRET": "sandbox-quickbooks-secret",
        "QUICKBOOKS_REFRESH_TOKEN": format!("refresh-{QUICKBOOKS}"),
        "QUICKBOOKS_API_URL": sandbox,
        "QUICKBOOKS_OAUTH_URL": sandbox,
        "XERO_CLIENT_ID": "sandbox-xero",
        "XERO_CLIENT_SECRET": "sandbox-xero-secret",
        "XERO_REFRESH_TOKEN": format!("refresh-{XERO}"),
        "XERO_API_URL": sandbox,
        "XERO_OAUTH_URL": sandbox,
        // Only asked where a test gives it credentials.
        "SHOPIFY_ADMIN_URL": sandbox,
    });
    all.as_object_mut().unwrap().extend(secrets.as_object().unwrap().clone());
    all
}
