//! What goes to D1, for people to query: typed records, an outbox in the object's own database, and the flush that
//! moves them over in batches. A record is written to the outbox in the same transaction as what it tells about, so it
//! cannot be lost; it carries its sequence number, so a repeated flush changes nothing.

mod flush;
mod labels;
mod outbox;
mod records;
mod tables;

pub use flush::{FlushError, Flushed, MIGRATIONS, flush, migrate};
pub use labels::{every_label, waiting_labels};
pub use outbox::{Outbox, SCHEMA, append, backlog, head};
pub use records::{
    AdjustmentRecord, AlertRecord, AttemptRecord, DeliveryRecord, DiscrepancyRecord, DocumentRecord, EventRecord,
    OrderRecord, PrivacyRecord, ReconciliationRecord, Record, RefusalRecord,
};
pub(crate) use tables::TABLES;
