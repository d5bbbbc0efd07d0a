//! The companies that exist from the start, with fixed ids, accounts, items, codes and credentials.
//!
//! | company | id | home | refresh token |
//! |---|---|---|---|
//! | QuickBooks US, automated sales tax, multicurrency | `1000000001` | USD | `refresh-1000000001` |
//! | QuickBooks UK, VAT codes, multicurrency | `1000000002` | GBP | `refresh-1000000002` |
//! | Xero UK | `11111111-1111-4111-a111-111111111111` | GBP | `refresh-` + id |
//! | Xero AU | `22222222-2222-4222-a222-222222222222` | AUD | `refresh-` + id |
//! | Xero US | `33333333-3333-4333-a333-333333333333` | USD | `refresh-` + id |
//!
//! | client | id | secret |
//! |---|---|---|
//! | QuickBooks app | `sandbox-quickbooks` | `sandbox-quickbooks-secret` |
//! | Xero app | `sandbox-xero` | `sandbox-xero-secret` |
//! | Xero custom connection UK / AU / US | `sandbox-custom-uk` / `-au` / `-us` | `sandbox-custom-secret` |
//!
//! QuickBooks items (both companies): 1 Sales, 2 Shipping, 3 Tips, 4 Duties, 5 Gift card, 6 Rounding, 7 Marketplace tax, 8 Fees,
//! 9 Refund differences, 10 Sales tax. Accounts: [`QUICKBOOKS_ACCOUNTS`]. UK tax codes: 20 (20.0% S), 21 (5.0% R),
//! 22 (0.0% Z), 23 (No VAT), 24 (15.0% + 5.0%).
//!
//! Xero accounts (every tenant): [`XERO_ACCOUNTS`]; tax rates: [`xero_tax_rates`].

pub const QUICKBOOKS_US: &str = "1000000001";
pub const QUICKBOOKS_UK: &str = "1000000002";
pub const QUICKBOOKS_COMPANIES: [&str; 2] = [QUICKBOOKS_US, QUICKBOOKS_UK];

pub const XERO_UK: &str = "11111111-1111-4111-a111-111111111111";
pub const XERO_AU: &str = "22222222-2222-4222-a222-222222222222";
pub const XERO_US: &str = "33333333-3333-4333-a333-333333333333";
pub const XERO_TENANTS: [&str; 3] = [XERO_UK, XERO_AU, XERO_US];

/// Client id and secret.
pub const QUICKBOOKS_CLIENT: (&str, &str) = ("sandbox-quickbooks", "sandbox-quickbooks-secret");
pub const XERO_CLIENT: (&str, &str) = ("sandbox-xero", "sandbox-xero-secret");
pub const CUSTOM_SECRET: &str = "sandbox-custom-secret";
pub const XERO_SCOPES: &str =
    "offline_access accounting.invoices accounting.payments accounting.contacts accounting.settings.read";

/// The refresh token that a company's connection starts with.
pub fn refresh_token(company: &str) -> String {
    format!("refresh-{company}")
}

/// The tenant of a custom connection's credentials.
pub fn custom_connection(id: &str, secret: &str) -> Option<&'static str> {
    let tenant = match id {
        "sandbox-custom-uk" => XERO_UK,
        "sandbox-custom-au" => XERO_AU,
        "sandbox-custom-us" => XERO_US,
        _ => return None,
    };
    (secret == CUSTOM_SECRET).then_some(tenant)
}

pub fn company_name(id: &str) -> &'static str {
    match id {
        XERO_UK => "Tillproof Outfitters (UK)",
        XERO_AU => "Tillproof Outfitters (AU)",
        XERO_US => "Tillproof Outfitters (US)",
        QUICKBOOKS_UK => "Tillproof Outfitters Ltd",
        _ => "Tillproof Outfitters Inc.",
    }
}

/// Id, name, type, subtype, currency (empty: the company's own).
pub const QUICKBOOKS_ACCOUNTS: [(u64, &str, &str, &str, &str); 22] = [
    (4, "Undeposited Funds", "Other Current Asset", "UndepositedFunds", ""),
    (35, "Checking", "Bank", "Checking", ""),
    (79, "Sales", "Income", "SalesOfProductIncome", ""),
    (80, "Shipping income", "Income", "ServiceFeeIncome", ""),
    (81, "Tips payable", "Other Current Liability", "OtherCurrentLiabilities", ""),
    (82, "Duties payable", "Other Current Liability", "OtherCurrentLiabilities", ""),
    (83, "Sales tax payable", "Other Current Liability", "SalesTaxPayable", ""),
    (84, "Gift card liability", "Other Current Liability", "OtherCurrentLiabilities", ""),
    (85, "Rounding", "Income", "OtherPrimaryIncome", ""),
    (86, "Discounts given", "Income", "DiscountsRefundsGiven", ""),
    (87, "Marketplace tax", "Other Current Liability", "OtherCurrentLiabilities", ""),
    (88, "Bank fees", "Expense", "BankCharges", ""),
    (89, "Gift card contra", "Other Current Asset", "OtherCurrentAssets", ""),
    (90, "Accounts Receivable (A/R)", "Accounts Receivable", "AccountsReceivable", ""),
    (91, "Shopify Payments clearing", "Bank", "CashOnHand", ""),
    (92, "PayPal clearing", "Other Current Asset", "OtherCurrentAssets", ""),
    (93, "Cash drawer", "Bank", "CashOnHand", ""),
    (94, "Shopify Payments clearing (EUR)", "Bank", "CashOnHand", "EUR"),
    (95, "Shopify Payments clearing (USD)", "Bank", "CashOnHand", "USD"),
    (96, "Shopify Payments clearing (GBP)", "Bank", "CashOnHand", "GBP"),
    (97, "Shopify Payments clearing (CAD)", "Bank", "CashOnHand", "CAD"),
    (98, "Shopify Payments clearing (JPY)", "Bank", "CashOnHand", "JPY"),
];

/// Id, name, income account. The gift-card item points to the contra account that receives redemptions.
pub const ITEMS: [(u64, &str, u64); 10] = [
    (1, "Sales", 79),
    (2, "Shipping", 80),
    (3, "Tips", 81),
    (4, "Duties", 82),
    (5, "Gift card", 89),
    (6, "Rounding", 85),
    (7, "Marketplace tax", 87),
    (8, "Fees", 80),
    (9, "Refund differences", 79),
    (10, "Sales tax", 83),
];

/// UK tax codes: code id, rate id, name, percent.
pub const VAT_CODES: [(u64, Option<u64>, &str, &str); 4] = [
    (20, Some(120), "20.0% S", "20"),
    (21, Some(121), "5.0% R", "5"),
    (22, Some(122), "0.0% Z", "0"),
    (23, None, "No VAT", "0"),
];

/// A UK tax code of two rates, as Canada has them: code id, name, its own rate (id, name, percent), and the id and name of
/// the rate that it shares with another code.
pub const COMPOUND_CODE: (u64, &str, (u64, &str, &str), (u64, &str)) =
    (24, "15.0% + 5.0%", (123, "15.0% (Sales)", "15"), (121, "5.0% R"));

/// US dollars for one unit of each currency; the day's rates derive from it.
pub const QUICKBOOKS_RATES: [(&str, &str); 8] = [
    ("USD", "1"),
    ("GBP", "1.25"),
    ("EUR", "1.1"),
    ("AUD", "0.65"),
    ("CAD", "0.73"),
    ("JPY", "0.0068"),
    ("NZD", "0.6"),
    ("KWD", "3.25"),
];

/// Currencies subscribed in every Xero tenant. SEK and KWD are known, but not subscribed.
pub const XERO_CURRENCIES: [&str; 7] = ["GBP", "AUD", "USD", "EUR", "CAD", "NZD", "JPY"];

/// Code, name, type, class, payments enabled, system account, currency (banks; empty: the tenant's own).
pub const XERO_ACCOUNTS: [(&str, &str, &str, &str, bool, &str, &str); 21] = [
    ("090", "Shopify Payments clearing", "BANK", "ASSET", false, "", ""),
    ("091", "PayPal clearing", "BANK", "ASSET", false, "", ""),
    ("092", "Cash drawer", "CURRENT", "ASSET", true, "", ""),
    ("093", "Shopify Payments clearing EUR", "BANK", "ASSET", false, "", "EUR"),
    ("094", "Shopify Payments clearing USD", "BANK", "ASSET", false, "", "USD"),
    ("095", "Shopify Payments clearing GBP", "BANK", "ASSET", false, "", "GBP"),
    ("096", "Shopify Payments clearing AUD", "BANK", "ASSET", false, "", "AUD"),
    ("097", "Shopify Payments clearing JPY", "BANK", "ASSET", false, "", "JPY"),
    ("200", "Sales", "REVENUE", "REVENUE", false, "", ""),
    ("201", "Shipping", "REVENUE", "REVENUE", false, "", ""),
    ("202", "Tips", "CURRLIAB", "LIABILITY", false, "", ""),
    ("203", "Duties", "CURRLIAB", "LIABILITY", false, "", ""),
    ("204", "Fees", "REVENUE", "REVENUE", false, "", ""),
    ("205", "Old sales", "REVENUE", "REVENUE", false, "", ""),
    ("400", "Advertising", "EXPENSE", "EXPENSE", false, "", ""),
    ("610", "Accounts Receivable", "CURRENT", "ASSET", false, "DEBTORS", ""),
    ("820", "Sales tax", "CURRLIAB", "LIABILITY", false, "GST", ""),
    ("825", "Marketplace tax", "CURRLIAB", "LIABILITY", false, "", ""),
    ("826", "Sales tax payable (manual)", "CURRLIAB", "LIABILITY", false, "", ""),
    ("835", "Gift card liability", "CURRLIAB", "LIABILITY", true, "", ""),
    ("860", "Rounding", "EXPENSE", "EXPENSE", false, "ROUNDING", ""),
];

/// The account that is archived from the start.
pub const XERO_ARCHIVED: &str = "205";

/// Tax type, name, percent, may stand on revenue lines.
pub fn xero_tax_rates(tenant: &str) -> &'static [(&'static str, &'static str, &'static str, bool)] {
    match tenant {
        XERO_AU => &[
            ("OUTPUT", "GST on Income", "10", true),
            ("EXEMPTOUTPUT", "GST Free Income", "0", true),
            ("EXEMPTEXPORT", "GST Free Exports", "0", true),
            ("BASEXCLUDED", "BAS Excluded", "0", true),
            ("INPUT", "GST on Expenses", "10", false),
        ],
        XERO_US => &[
            ("OUTPUT", "Tax on Sales", "8.25", true),
            ("TAX001", "Shopify sales tax", "8", true),
            ("NONE", "Tax Exempt", "0", true),
            ("INPUT", "Tax on Purchases", "8.25", false),
        ],
        _ => &[
            ("OUTPUT2", "20% (VAT on Income)", "20", true),
            ("RROUTPUT", "5% (VAT on Income)", "5", true),
            ("OSSOUTPUT", "20% (One Stop Shop)", "20", true),
            ("ZERORATEDOUTPUT", "Zero Rated Income", "0", true),
            ("EXEMPTOUTPUT", "Exempt Income", "0", true),
            ("ECZROUTPUT", "Zero Rated EC Goods Income", "0", true),
            ("NONE", "No VAT", "0", true),
            ("INPUT2", "20% (VAT on Expenses)", "20", false),
        ],
    }
}
