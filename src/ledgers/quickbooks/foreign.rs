//! Sales that somebody else entered, found by their number. `PrivateNote` cannot be queried (facts/quickbooks §0.5).

use serde_json::Value;

use super::documents::entity;
use super::query::quote;
use super::read::{amount, failed, is_void, rows, text};
use crate::books::document::DocumentKind;
use crate::books::foreign::{ForeignSale, ForeignStanding};
use crate::ledgers::Outcome;
use crate::platform::Response;

/// A sale is one of these; each is a question of its own.
const KINDS: [DocumentKind; 2] = [DocumentKind::Invoice, DocumentKind::SalesReceipt];

/// The queries: there is no OR, but a list (facts/quickbooks §1.10).
pub fn queries(numbers: &[String]) -> Vec<String> {
    let list: Vec<String> = numbers.iter().map(|number| quote(number)).collect();
    KINDS
        .iter()
        .map(|kind| format!("select * from {} where DocNumber in ({})", entity(*kind), list.join(", ")))
        .collect()
}

/// What the query of that place found.
pub fn read(place: usize, response: &Response) -> Outcome<Vec<ForeignSale>> {
    let kind = KINDS.get(place).copied().unwrap_or(DocumentKind::Invoice);
    match rows(response, entity(kind)) {
        Ok(found) => Outcome::Done(found.iter().filter_map(|row| sale(kind, row)).collect()),
        Err(failure) => failed(*failure),
    }
}

fn sale(kind: DocumentKind, row: &Value) -> Option<ForeignSale> {
    let total = amount(row, "TotalAmt")?;
    Some(ForeignSale {
        kind,
        ledger_id: Some(text(row, "Id")).filter(|id| !id.is_empty())?,
        number: text(row, "DocNumber"),
        currency: row.get("CurrencyRef").and_then(|currency| text(currency, "value").parse().ok()),
        total,
        open: amount(row, "Balance").unwrap_or_default(),
        party_id: row.get("CustomerRef").map(|party| text(party, "value")).filter(|id| !id.is_empty())?,
        standing: if is_void(row, total) { ForeignStanding::Void } else { ForeignStanding::Counts },
    })
}
