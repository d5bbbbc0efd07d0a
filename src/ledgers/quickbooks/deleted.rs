//! Which documents of a QuickBooks company were deleted (facts/quickbooks §1.12): no query shows them, its list of changes
//! does, behind everything that was changed otherwise.

use chrono::{DateTime, Duration, SecondsFormat, Utc};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::documents::entity;
use super::read::{failed, nothing_said, rows};
use crate::books::document::DocumentKind;
use crate::ledgers::listing::{elements, members};
use crate::ledgers::{Deleted, Failure, Outcome};
use crate::platform::Response;

/// How far back QuickBooks tells of changes: thirty days, less what clocks may differ.
const LOOK_BACK: Duration = Duration::hours(30 * 24 - 1);
/// The most changes that it tells of at once.
const MOST: usize = 1_000;

/// The path of the question.
pub fn path(kind: DocumentKind, since: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let since = since.max(now - LOOK_BACK).to_rfc3339_opts(SecondsFormat::Secs, true);
    format!("cdc?entities={}&changedSince={since}&minorversion=75", entity(kind))
}

/// A change, as far as it matters here.
#[derive(Deserialize)]
struct Change {
    #[serde(rename = "Id")]
    id: String,
    status: Option<String>,
}

/// What the answer tells of.
pub fn read(kind: DocumentKind, response: &Response) -> Outcome<Deleted> {
    match changes(kind, response) {
        Ok(all) => Outcome::Done(Deleted {
            more: all.len() >= MOST,
            ids: all.into_iter().filter(|one| one.status.as_deref() == Some("Deleted")).map(|one| one.id).collect(),
        }),
        Err(failure) => failed(*failure),
    }
}

fn changes(kind: DocumentKind, response: &Response) -> Result<Vec<Change>, Box<Failure>> {
    let failure = || rows(response, entity(kind)).err().unwrap_or_else(|| Box::new(nothing_said(response, false)));
    if response.status != 200 {
        return Err(failure());
    }
    let whole = members(&response.body).ok_or_else(failure)?;
    let mut all = Vec::new();
    for answer in whole.get("CDCResponse").and_then(|list| elements(list.get())).ok_or_else(failure)? {
        let lists = members(answer.get()).and_then(|one| elements(one.get("QueryResponse")?.get()));
        for list in lists.ok_or_else(failure)? {
            all.extend(of_list(kind, list).ok_or_else(failure)?);
        }
    }
    Ok(all)
}

/// Where nothing was changed the list does not name the entity.
fn of_list(kind: DocumentKind, list: &RawValue) -> Option<Vec<Change>> {
    let list = members(list.get()).filter(|list| !list.contains_key("Fault"))?;
    list.get(entity(kind)).map_or(Some(Vec::new()), |rows| serde_json::from_str(rows.get()).ok())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn told(body: &Value) -> Outcome<Deleted> {
        read(DocumentKind::Invoice, &Response { status: 200, headers: Vec::new(), body: body.to_string() })
    }

    fn changed(rows: &Value) -> Outcome<Deleted> {
        told(&json!({ "CDCResponse": [{ "QueryResponse": [{ "Invoice": rows, "startPosition": 1 }] }], "time": "x" }))
    }

    #[test]
    fn what_was_deleted_is_asked_for_as_far_back_as_quickbooks_tells() {
        let at = |text: &str| text.parse().unwrap();
        let now = at("2026-11-30T12:00:00Z");
        assert_eq!(
            path(DocumentKind::CreditNote, at("2026-11-20T09:00:00.5Z"), now),
            "cdc?entities=CreditMemo&changedSince=2026-11-20T09:00:00Z&minorversion=75"
        );
        assert_eq!(
            path(DocumentKind::Payment, at("2026-01-01T00:00:00Z"), now),
            "cdc?entities=Payment&changedSince=2026-10-31T13:00:00Z&minorversion=75"
        );
    }

    #[test]
    fn of_the_changes_only_what_was_deleted_counts_and_a_full_list_may_hide_some() {
        let deleted = json!({ "status": "Deleted", "domain": "QBO", "Id": "979", "MetaData": {} });
        let found = changed(&json!([{ "Id": "12", "TotalAmt": 5.10, "Line": [] }, deleted]));
        assert_eq!(found, Outcome::Done(Deleted { ids: vec!["979".into()], more: false }));
        let rows: Vec<Value> = (0..MOST).map(|id| json!({ "Id": id.to_string() })).collect();
        assert_eq!(changed(&rows.into()), Outcome::Done(Deleted { ids: Vec::new(), more: true }));
        let nothing = told(&json!({ "CDCResponse": [{ "QueryResponse": [{}] }], "time": "x" }));
        assert_eq!(nothing, Outcome::Done(Deleted::default()));
    }

    #[test]
    fn an_answer_that_tells_nothing_is_not_that_nothing_was_deleted() {
        let fault = json!({ "Error": [{ "code": "4001", "Message": "m", "Detail": "d" }], "type": "ValidationFault" });
        assert!(matches!(told(&json!({ "Fault": fault })), Outcome::Refused(_)));
        for body in [json!({}), json!([]), json!({ "CDCResponse": [{ "QueryResponse": [{ "Fault": fault }] }] })] {
            assert!(!matches!(told(&body), Outcome::Done(_)), "{body}");
        }
    }
}
