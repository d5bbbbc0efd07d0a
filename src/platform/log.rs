//! The log: one line of JSON for each thing that happened, for whoever looks on (Workers Logs make fields of it). Ids, codes
//! and times; never a name, an address, or anything else about a person.

use serde::Serialize;

/// Where lines of the log go.
pub trait Log {
    /// Writes one line.
    fn write(&self, line: &LogLine);
}

/// How serious a line is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// What is usual.
    #[default]
    Info,
    /// Something failed.
    Error,
}

/// One line of the log. Fields that say nothing are left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct LogLine {
    /// How serious it is.
    pub level: Level,
    /// What happened: `webhook`, `document`, `ledger_call`, `alert`, `delivery`, `turn`, `journal`, `watch`, `heartbeat`.
    pub event: &'static str,
    /// The label of the books.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub books: Option<String>,
    /// The connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// Shopify's id of the order, or the webhook's where it is of none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// The key of the document.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// What came of it.
    pub outcome: String,
    /// How long it took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<i64>,
    /// The reason, the ledger's code or the kind of an alert.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What failed, in the machine's own words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl LogLine {
    /// Something failed.
    pub fn failed(event: &'static str, why: impl ToString) -> Self {
        let detail = Some(why.to_string());
        Self { level: Level::Error, event, outcome: "failed".into(), detail, ..Self::default() }
    }

    /// The line as it is written.
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}
