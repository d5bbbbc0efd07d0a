//! QuickBooks' query language, as far as it is needed (facts/quickbooks §1.10): no OR, no projections, text in single
//! quotes with the apostrophe escaped by a backslash.

use super::documents::entity;
use crate::books::document::Document;
use crate::ledgers::{Reference, ReferenceKind};

/// Text inside a query.
pub fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// A query inside an address.
pub fn encode(query: &str) -> String {
    let mut out = String::with_capacity(query.len() * 2);
    for byte in query.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// Who has this name, inactive ones included: they keep it.
pub fn customer(name: &str) -> String {
    format!("select * from Customer where DisplayName = {} and Active in (true, false)", quote(name))
}

/// Which item or account has this name.
pub fn reference(reference: &Reference) -> String {
    let entity = match reference.kind {
        ReferenceKind::Item => "Item",
        ReferenceKind::Account => "Account",
        ReferenceKind::TaxCode => "TaxCode",
        ReferenceKind::ExchangeRate => "ExchangeRate",
    };
    format!("select * from {entity} where Name = {}", quote(&reference.label))
}

/// The rate of a currency on a day: `EUR 2026-11-02`.
pub fn exchange_rate(label: &str) -> String {
    let (currency, day) = label.split_once(' ').unwrap_or((label, ""));
    format!("exchangerate?sourcecurrencycode={currency}&asofdate={day}&minorversion=75")
}

/// Which documents have this number; a payment is found by its reference.
pub fn document(document: &Document) -> String {
    let field = if document.itemised().is_some() { "DocNumber" } else { "PaymentRefNum" };
    format!("select * from {} where {field} = {}", entity(document.kind()), quote(document.number()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apostrophes_and_backslashes_are_escaped_and_everything_is_encoded() {
        assert_eq!(
            customer("Adam's \\ – Ω"),
            "select * from Customer where DisplayName = 'Adam\\'s \\\\ – Ω' and Active in (true, false)"
        );
        assert_eq!(encode("a 'b' Ω&"), "a%20%27b%27%20%CE%A9%26");
    }
}
