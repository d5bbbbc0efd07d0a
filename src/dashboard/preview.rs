//! The page of a preview: what would be written for an order, and why.

use askama::Template;
use serde_json::Value;

use super::order::{Change, Told, cell, change, left_out, words};
use super::words::{ROWS, beyond, cut};

/// Characters of all requests together; the API gives them whole.
const BODIES: usize = 25_000;

/// What would be written for an order, and why.
#[derive(Template)]
#[template(path = "preview.html")]
pub struct PreviewPage {
    path: &'static str,
    connection: String,
    order_id: String,
    name: String,
    wanted: Vec<[String; 6]>,
    steps: Vec<Step>,
    changes: Vec<Change>,
    more_changes: Option<String>,
    told: Vec<Told>,
    notes: Vec<String>,
}

struct Step {
    title: String,
    why: String,
    first: Vec<String>,
    request: String,
    body: String,
}

impl PreviewPage {
    /// The page of a preview as the books gave it.
    pub fn new(preview: &Value, connection: &str) -> Self {
        let list = |name: &str| preview[name].as_array().cloned().unwrap_or_default();
        let order_id = cell(preview, "order_id");
        let told = |one: &Value, mark| Told {
            mark,
            code: cell(one, "reason"),
            meaning: String::new(),
            detail: cell(one, "detail"),
            remedy: cell(one, "remedy"),
        };
        let mut all_told = Vec::new();
        all_told.extend(preview["hold"].is_object().then(|| told(&preview["hold"], "problem")));
        all_told.extend(preview["notice"].is_object().then(|| told(&preview["notice"], "note")));
        let ignored = cell(preview, "ignored");
        let ignored = (!ignored.is_empty()).then(|| left_out(&ignored).to_owned());
        let waiting = Some(cell(preview, "waiting")).filter(|text| !text.is_empty());
        let wanted = |one: &Value| {
            [
                cell(one, "key"),
                words(&cell(one, "kind")),
                cell(one, "number"),
                format!("{} {}", cell(one, "total"), cell(one, "currency")),
                cell(one, "date"),
                cell(one, "standing"),
            ]
        };
        let steps = list("steps");
        let notes = ignored.into_iter().chain(waiting.map(|text| format!("Then: {text}.")));
        let more =
            [beyond("first", list("calls_for").len()), beyond("first", steps.len())].into_iter().flatten().next();
        let notes = notes.chain(more.map(|text| format!("What would be written is long. {text}")));
        Self {
            path: "/orders",
            connection: connection.to_owned(),
            name: Some(cell(preview, "name")).filter(|name| !name.is_empty()).unwrap_or_else(|| order_id.clone()),
            order_id,
            wanted: list("calls_for").iter().take(ROWS).map(wanted).collect(),
            steps: steps.iter().take(ROWS).map(|one| step(one, BODIES / steps.len().min(ROWS))).collect(),
            changes: list("adjustments").iter().take(ROWS).map(change).collect(),
            more_changes: beyond("first", list("adjustments").len()),
            told: all_told,
            notes: notes.collect(),
        }
    }
}

/// A step, with its request as far as `most` characters go.
fn step(one: &Value, most: usize) -> Step {
    let request = &one["request"];
    let body = cell(request, "body");
    let pretty = serde_json::from_str::<Value>(&body).ok().and_then(|json| serde_json::to_string_pretty(&json).ok());
    Step {
        title: format!(
            "{} {} {}: {} {}",
            cell(one, "operation"),
            cell(one, "document_key"),
            cell(one, "number"),
            cell(one, "total"),
            cell(one, "currency")
        ),
        why: cell(one, "why"),
        first: one["first"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|text| text.as_str().map(str::to_owned))
            .collect(),
        request: format!("{} {}", cell(request, "method"), cell(request, "path")),
        body: cut(&pretty.unwrap_or(body), most),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dashboard::render;
    use serde_json::json;

    #[test]
    fn the_preview_of_a_large_order_is_below_a_hundred_kilobytes() {
        let line = json!({"Description": "a long text & more", "Amount": "12.00", "TaxCodeRef": {"value": "TAX"}});
        let step = json!({"operation": "create", "document_key": "sale/2", "number": "S-1001-2", "total": "12.00",
            "currency": "EUR", "why": "it is not in the ledger", "first": ["the customer is created"],
            "request": {"method": "POST", "path": "/v3/company/1/batch", "body": json!({"Line": vec![line; 700]}).to_string()}});
        let change = json!({"document_key": "sale", "field": "line_items[7].name", "rule": "shortened",
            "before": "x".repeat(4_000), "after": "y".repeat(4_000)});
        for count in [1, 20, 200] {
            let preview = json!({"name": "#1001", "order_id": "1", "steps": vec![step.clone(); count],
                "calls_for": vec![step.clone(); count], "adjustments": vec![change.clone(); 700]});
            let html = render(&PreviewPage::new(&preview, "main"));
            assert!(html.len() < 100_000, "{count} steps: {} bytes", html.len());
            assert!(html.contains("of 700; the API tells of all."));
        }
    }

    #[test]
    fn hostile_texts_stay_text() {
        let text = "\"><script>alert(1)</script>";
        let preview = json!({"name": text, "order_id": "1", "steps": [{"why": text, "request": {"body": text}}]});
        assert!(!render(&PreviewPage::new(&preview, text)).contains("<script"));
    }
}
