//! What the settings name in the ledger. A person may write a name, a code or an id; preflight looks each up once, and
//! from then on the ledger's own id stands in its place.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::settings::Settings;

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedKind {
    /// Where lines go: an item in QuickBooks, an account in Xero.
    Line,
    /// The account that receives payments.
    Payment,
    /// A tax code.
    TaxCode,
}

/// One name in the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The key, as it stands in the settings: `lines.sales`, `taxes[0].code`.
    pub key: String,
    /// What it stands for.
    pub kind: NamedKind,
    /// What the person wrote.
    pub label: String,
}

impl Settings {
    /// Everything that the settings name in the ledger.
    pub fn named(&self) -> Vec<Named> {
        let mut copy = self.clone();
        let labels = labels(&mut copy).into_iter();
        labels.map(|(key, kind, label)| Named { key, kind, label: label.clone() }).collect()
    }

    /// Puts the ledger's ids, by key, in the place of names, and beside each tax code of `taxes` the rate that it has there.
    pub fn resolve(&mut self, ids: &BTreeMap<String, String>, rates: &BTreeMap<String, Decimal>) {
        for (key, _, label) in labels(self) {
            if let Some(id) = ids.get(&key) {
                label.clone_from(id);
            }
        }
        for (at, entry) in self.taxes.iter_mut().enumerate() {
            entry.code_rate = rates.get(&code_key(at)).copied();
        }
    }
}

/// The key of a tax code in `taxes`.
pub fn code_key(at: usize) -> String {
    format!("taxes[{at}].code")
}

fn labels(settings: &mut Settings) -> Vec<(String, NamedKind, &mut String)> {
    let mut all: Vec<(String, NamedKind, &mut String)> = Vec::new();
    let lines = settings.lines.each().into_iter();
    all.extend(lines.filter_map(|(name, label)| Some((format!("lines.{name}"), NamedKind::Line, label?))));
    let payments = settings.payments.iter_mut();
    all.extend(payments.map(|(gateway, label)| (format!("payments.{gateway}"), NamedKind::Payment, label)));
    all.extend(settings.sales_tax_code.as_mut().map(|label| ("sales_tax_code".to_owned(), NamedKind::TaxCode, label)));
    all.extend(settings.no_tax.as_mut().map(|label| ("no_tax".to_owned(), NamedKind::TaxCode, label)));
    let taxes = settings.taxes.iter_mut().enumerate();
    all.extend(taxes.map(|(at, entry)| (code_key(at), NamedKind::TaxCode, &mut entry.code)));
    let included = settings.included_tax.as_mut().filter(|tax| !tax.code.is_empty());
    all.extend(included.map(|tax| ("included_tax.code".to_owned(), NamedKind::TaxCode, &mut tax.code)));
    all
}
