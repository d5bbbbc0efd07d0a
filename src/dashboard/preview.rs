//! The page of a preview: what would be written for an order, and why.

use askama::Template;
use serde_json::Value;

use super::order::{Change, Told, cell, change, left_out, words};

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
        Self {
            path: "/orders",
            connection: connection.to_owned(),
            name: Some(cell(preview, "name")).filter(|name| !name.is_empty()).unwrap_or_else(|| order_id.clone()),
            order_id,
            wanted: list("calls_for").iter().map(wanted).collect(),
            steps: list("steps").iter().map(step).collect(),
            changes: list("adjustments").iter().map(change).collect(),
            told: all_told,
            notes: ignored.into_iter().chain(waiting.map(|text| format!("Then: {text}."))).collect(),
        }
    }
}

fn step(one: &Value) -> Step {
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
        body: pretty.unwrap_or(body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dashboard::render;
    use serde_json::json;

    #[test]
    fn hostile_texts_stay_text() {
        let text = "\"><script>alert(1)</script>";
        let preview = json!({"name": text, "order_id": "1", "steps": [{"why": text, "request": {"body": text}}]});
        assert!(!render(&PreviewPage::new(&preview, text)).contains("<script"));
    }
}
