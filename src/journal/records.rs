//! The rows of the journal's tables (design, section 8). Times are ISO 8601 UTC, money is text beside its currency,
//! and nothing here is personal.

use serde::Serialize;

/// A row for one of the journal's tables.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Record {
    /// `events`
    Event(EventRecord),
    /// `orders`
    Order(OrderRecord),
    /// `documents`
    Document(DocumentRecord),
    /// `adjustments`
    Adjustment(AdjustmentRecord),
    /// `attempts`
    Attempt(AttemptRecord),
    /// `alerts`
    Alert(AlertRecord),
    /// `privacy_requests`
    Privacy(PrivacyRecord),
    /// `reconciliations`
    Reconciliation(ReconciliationRecord),
    /// `discrepancies`
    Discrepancy(DiscrepancyRecord),
    /// `alert_deliveries`
    Delivery(DeliveryRecord),
}

impl Record {
    /// The table it belongs to.
    pub fn table(&self) -> &'static str {
        match self {
            Record::Event(_) => "events",
            Record::Order(_) => "orders",
            Record::Document(_) => "documents",
            Record::Adjustment(_) => "adjustments",
            Record::Attempt(_) => "attempts",
            Record::Alert(_) => "alerts",
            Record::Privacy(_) => "privacy_requests",
            Record::Reconciliation(_) => "reconciliations",
            Record::Discrepancy(_) => "discrepancies",
            Record::Delivery(_) => "alert_deliveries",
        }
    }
}

/// One verified delivery, once.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct EventRecord {
    pub webhook_id: String,
    pub event_id: String,
    pub connection: String,
    pub shop: String,
    pub topic: String,
    pub api_version: String,
    pub order_id: Option<String>,
    pub triggered_at: String,
    pub received_at: String,
    pub finished_at: Option<String>,
    pub bytes: i64,
    pub sha256: String,
    pub deliveries: i64,
    pub outcome: String,
    pub reason: Option<String>,
}

/// Where an order stands.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct OrderRecord {
    pub connection: String,
    pub order_id: String,
    pub name: Option<String>,
    pub state: String,
    pub reason: Option<String>,
    pub remedy: Option<String>,
    pub currency: Option<String>,
    pub total: Option<String>,
    pub total_currency: Option<String>,
    pub updated_at: String,
    pub first_seen_at: String,
    pub synced_at: Option<String>,
    pub attempts: i64,
    pub retrying_since: Option<String>,
    pub next_attempt_at: Option<String>,
}

/// A document in the ledger, with its proof.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct DocumentRecord {
    pub connection: String,
    pub order_id: String,
    pub document_key: String,
    pub kind: String,
    pub ledger_id: String,
    pub number: String,
    pub currency: String,
    pub expected_total: String,
    pub ledger_total: String,
    pub proof: String,
    pub state: String,
    pub posted_at: String,
}

/// One thing that normalisation changed.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct AdjustmentRecord {
    pub connection: String,
    pub order_id: String,
    pub document_key: String,
    pub field: String,
    pub rule: String,
    pub before: String,
    pub after: String,
    pub at: String,
}

/// One call to a ledger.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct AttemptRecord {
    pub connection: String,
    pub order_id: String,
    pub document_key: String,
    pub operation: String,
    pub at: String,
    pub duration_ms: i64,
    pub http_status: Option<i64>,
    pub outcome: String,
    pub code: Option<String>,
    pub message: Option<String>,
    pub idempotency_key: Option<String>,
    pub trace_id: Option<String>,
}

/// Something that a person ought to know, once. The same `at`, `connection`, `kind` and `message` with a `resolved_at`
/// closes it.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct AlertRecord {
    pub at: String,
    pub connection: String,
    pub kind: String,
    pub message: String,
    pub resolved_at: Option<String>,
}

/// A request about personal data, and what was done about it.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct PrivacyRecord {
    pub connection: String,
    pub request_id: String,
    pub webhook_id: String,
    pub topic: String,
    pub received_at: String,
    pub state: String,
    pub orders: i64,
    pub bodies: i64,
    pub documents: i64,
    pub finished_at: Option<String>,
}

/// A comparison of both sides, with its counts before the repair, and what the repair left.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct ReconciliationRecord {
    pub id: String,
    pub connection: String,
    pub kind: String,
    pub from_at: String,
    pub to_at: String,
    pub started_at: String,
    pub finished_at: Option<String>,
    pub shopify_count: i64,
    pub ledger_count: i64,
    pub missing: Option<i64>,
    pub wrong: Option<i64>,
    pub stale: Option<i64>,
    pub duplicate: Option<i64>,
    pub unexpected: Option<i64>,
    pub repaired: Option<i64>,
    pub drift_after: Option<i64>,
}

/// One difference that it found.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct DiscrepancyRecord {
    pub reconciliation_id: String,
    pub order_id: String,
    pub class: String,
    pub document_key: Option<String>,
    pub number: String,
    pub field: Option<String>,
    pub shopify_value: String,
    pub ledger_value: String,
    pub likely_cause: String,
    pub repair: String,
}

/// An attempt to tell somebody of an alert.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct DeliveryRecord {
    pub at: String,
    pub connection: String,
    pub kind: String,
    pub status: String,
    pub outcome: String,
    pub http_status: Option<i64>,
    pub duration_ms: i64,
}

/// Deliveries that were turned away in one minute.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct RefusalRecord {
    pub minute: String,
    pub shop: String,
    pub kind: String,
    pub count: i64,
}
