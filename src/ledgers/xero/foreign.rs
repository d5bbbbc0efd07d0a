//! Invoices that somebody else entered, found by number or by reference. Each reference is a question of its own: only `==`
//! on optimised fields is safe, and a value with a quote in it is not (facts/xero §1, "Query params").

use serde_json::Value;

use super::documents::encode;
use super::read::{amount, elements, failed, id, text};
use crate::books::document::DocumentKind;
use crate::books::foreign::{ForeignSale, ForeignStanding};
use crate::ledgers::Outcome;
use crate::platform::Response;

/// The addresses, below the API's own: one for all numbers, one for each reference. A number that holds a comma would be
/// taken for two; it is asked for as a reference only.
pub fn questions(numbers: &[String]) -> Vec<String> {
    let listed: Vec<String> =
        numbers.iter().filter(|number| !number.contains(',')).map(|number| encode(number)).collect();
    let by_number = (!listed.is_empty()).then(|| format!("Invoices?page=1&InvoiceNumbers={}", listed.join(",")));
    let quoted = numbers.iter().filter(|number| !number.contains(['"', '\\']));
    let by_reference = quoted.map(|number| {
        let clause = format!("Type==\"ACCREC\" AND Reference==\"{number}\"");
        format!("Invoices?page=1&where={}", encode(&clause))
    });
    by_number.into_iter().chain(by_reference).collect()
}

/// What a question found. A supplier's bill may carry the same number: it is no sale.
pub fn read(response: &Response) -> Outcome<Vec<ForeignSale>> {
    match elements(response, "Invoices", false) {
        Ok(list) => Outcome::Done(list.iter().filter(|one| text(one, "Type") == "ACCREC").filter_map(sale).collect()),
        Err(failure) => failed(*failure),
    }
}

fn sale(one: &Value) -> Option<ForeignSale> {
    Some(ForeignSale {
        kind: DocumentKind::Invoice,
        ledger_id: id(one, "InvoiceID")?,
        number: text(one, "InvoiceNumber"),
        currency: text(one, "CurrencyCode").parse().ok(),
        total: amount(one, "Total")?,
        open: amount(one, "AmountDue").unwrap_or_default(),
        party_id: one.get("Contact").and_then(|contact| id(contact, "ContactID"))?,
        // Only approved invoices take payments (facts/xero §1.1).
        standing: match text(one, "Status").as_str() {
            "AUTHORISED" | "PAID" => ForeignStanding::Counts,
            "VOIDED" | "DELETED" => ForeignStanding::Void,
            _ => ForeignStanding::Draft,
        },
    })
}
