//! The companies of the stand-ins, each with the settings of a connection to it.

use sandbox::presets;
use serde_json::{Value, json};

use super::SHOP;

/// The companies that stories are told to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Company {
    QuickBooksUs,
    QuickBooksUk,
    XeroUk,
    XeroAu,
    XeroUs,
}

impl Company {
    /// The ones that every test tells its stories to; the others differ from them in their taxes only.
    pub const ALL: [Company; 3] = [Company::QuickBooksUs, Company::QuickBooksUk, Company::XeroUk];

    /// The company of a label.
    pub fn named(label: &str) -> Self {
        use Company::{QuickBooksUk, QuickBooksUs, XeroAu, XeroUk, XeroUs};
        let found = [QuickBooksUs, QuickBooksUk, XeroUk, XeroAu, XeroUs].into_iter().find(|one| one.label() == label);
        found.unwrap_or_else(|| panic!("no company `{label}`"))
    }

    pub fn id(self) -> &'static str {
        match self {
            Company::QuickBooksUs => presets::QUICKBOOKS_US,
            Company::QuickBooksUk => presets::QUICKBOOKS_UK,
            Company::XeroUk => presets::XERO_UK,
            Company::XeroAu => presets::XERO_AU,
            Company::XeroUs => presets::XERO_US,
        }
    }

    /// The currency that it keeps its books in.
    pub fn home(self) -> &'static str {
        match self {
            Company::QuickBooksUs | Company::XeroUs => "USD",
            Company::QuickBooksUk | Company::XeroUk => "GBP",
            Company::XeroAu => "AUD",
        }
    }

    pub fn label(self) -> &'static str {
        match self {
            Company::QuickBooksUs => "quickbooks-us",
            Company::QuickBooksUk => "quickbooks-uk",
            Company::XeroUk => "xero-uk",
            Company::XeroAu => "xero-au",
            Company::XeroUs => "xero-us",
        }
    }

    pub fn settings(self) -> Value {
        let common = json!({
            "shop": SHOP, "books": "main", "company": self.id(), "number_prefix": "S-", "start_date": "2026-01-01",
        });
        let own = match self {
            Company::QuickBooksUs => json!({
                "ledger": "quickbooks",
                "lines": {"sales": "Sales", "shipping": "Shipping", "tips": "Tips", "duties": "Duties", "fees": "Fees",
                    "gift_cards": "Gift card", "marketplace_tax": "Marketplace tax", "rounding": "Rounding",
                    "refund_differences": "Refund differences", "overpayments": "Tips", "tax": "Sales tax"},
                "payments": {"default": "91", "gift_card": "89", "shopify_store_credit": "89"},
            }),
            Company::QuickBooksUk => json!({
                "ledger": "quickbooks", "no_tax": "23",
                "lines": {"sales": "1", "shipping": "2", "tips": "3", "duties": "4", "fees": "8", "gift_cards": "5",
                    "marketplace_tax": "7", "rounding": "6", "refund_differences": "9", "overpayments": "3", "tax": "10"},
                "payments": {"default": "91", "gift_card": "89", "shopify_store_credit": "89"},
                "taxes": [{"rate": "0.2", "code": "20"}, {"rate": "0.05", "code": "21"},
                    {"rates": ["0.15", "0.05"], "code": "24"}],
            }),
            Company::XeroUk => xero(
                "NONE",
                json!([{"rate": "0.2", "code": "OUTPUT2"}, {"rate": "0.05", "code": "RROUTPUT"},
                    {"rates": ["0.15", "0.05"], "code": "OUTPUT2"}]),
            ),
            // What is sold without GST is a sale to the activity statement; a gift card is none.
            Company::XeroAu => xero(
                "BASEXCLUDED",
                json!([{"rate": "0.1", "code": "OUTPUT"},
                    {"country": "AU", "untaxed": true, "code": "EXEMPTOUTPUT"},
                    {"country": "AU", "rate": "0", "code": "EXEMPTOUTPUT"},
                    {"untaxed": true, "code": "EXEMPTEXPORT"}, {"rate": "0", "code": "EXEMPTEXPORT"}]),
            ),
            // Tax types that state their own amount per line are of no use in the United States: tax is a line.
            Company::XeroUs => {
                let mut own = xero("NONE", json!([]));
                own["tax"] = json!("line");
                own
            }
        };
        let mut all = common;
        all.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
        all
    }
}

fn xero(no_tax: &str, taxes: Value) -> Value {
    json!({
        "ledger": "xero", "no_tax": no_tax, "taxes": taxes,
        "lines": {"sales": "200", "shipping": "201", "tips": "202", "duties": "203", "fees": "204", "gift_cards": "835",
            "marketplace_tax": "825", "rounding": "860", "refund_differences": "200", "overpayments": "202", "tax": "826"},
        "payments": {"default": "090", "gift_card": "835", "shopify_store_credit": "835"},
    })
}
