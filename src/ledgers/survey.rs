//! A ledger company as it is set up, read before anything is posted to it: the same shape for both ledgers.

use chrono::NaiveDate;
use rust_decimal::Decimal;

use super::preflight::Finding;
use crate::books::money::Currency;

/// So many documents of a kind are looked through for numbers that begin as ours do, the oldest first: a page of Xero's.
pub const LOOKED_THROUGH: usize = 100;

/// What a company is set up with.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// Its name.
    pub name: String,
    /// The currency that it keeps its books in.
    pub home: Option<Currency>,
    /// Its time zone, by the tz database.
    pub time_zone: Option<String>,
    /// The last day of the closed period.
    pub closed_until: Option<NaiveDate>,
    /// True if documents may be in another currency than the home currency.
    pub multicurrency: bool,
    /// The currencies that documents may be in; `None` where the ledger takes any as soon as it may take several.
    pub currencies: Option<Vec<Currency>>,
    /// Its chart of accounts.
    pub accounts: Vec<Account>,
    /// Its products and services (QuickBooks): those that the settings name, and the services that they may name.
    pub items: Vec<Item>,
    /// Its tax codes.
    pub tax_codes: Vec<TaxCode>,
    /// Documents whose number begins as ours do.
    pub numbered: Vec<Numbered>,
    /// The kinds of documents, in the plural, of which there may be more than [`LOOKED_THROUGH`].
    pub not_looked_through: Vec<&'static str>,
    /// What only this ledger has to be looked at for.
    pub findings: Vec<Finding>,
}

/// An account.
#[derive(Debug, Clone)]
pub struct Account {
    /// The ledger's id.
    pub id: String,
    /// Its code or number; empty where it has none.
    pub code: String,
    /// Its name.
    pub name: String,
    /// Its type, in the ledger's words.
    pub kind: String,
    /// Its currency, where it has one of its own.
    pub currency: Option<Currency>,
    /// False if it is archived or inactive.
    pub active: bool,
    /// True if payments may go to it.
    pub takes_payments: bool,
    /// True if a sale's line may stand on it.
    pub takes_lines: bool,
}

/// A product or service.
#[derive(Debug, Clone)]
pub struct Item {
    /// The ledger's id.
    pub id: String,
    /// Its name, with its parents' before it.
    pub name: String,
    /// False if it is inactive.
    pub active: bool,
    /// The id of the account that its sales go to.
    pub account: Option<String>,
}

/// A tax code.
#[derive(Debug, Clone)]
pub struct TaxCode {
    /// What documents carry.
    pub code: String,
    /// Its name.
    pub name: String,
    /// The rate that it means on a sale, 0.2 for 20 %, where the ledger says it.
    pub rate: Option<Decimal>,
    /// False if it is archived or inactive.
    pub active: bool,
    /// Why it cannot be used on sales, if so.
    pub unusable: Option<&'static str>,
}

/// A document that stands in the ledger.
#[derive(Debug, Clone)]
pub struct Numbered {
    /// The ledger's id.
    pub id: String,
    /// Its number.
    pub number: String,
    /// True if it says of itself that it is for a Shopify order, as ours do.
    pub names_an_order: bool,
}
